// Prepares the head of a request for its handlers.

import type { IncomingMessage } from "node:http";
import { OnrampError } from "../core/errors.ts";

const CONTENT_TYPE = "content-type";
const HOST = "host";
/** A host and a port (RFC 9110, 7.2), without commas: they would be several values that a proxy joined. */
const AUTHORITY = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=%-]*)(?::\d*)?$/i;
const SLASH = 0x2f;
/** A target in absolute form (RFC 9112, 3.2.2), as clients send it to a proxy: authority, path and query. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)/i;

/**
 * Checks `Host`. Converts a target in absolute form to a path, and its authority to `Host`. Removes one slash at the end of
 * the path. Joins the values of a
 * `Content-Type` that was sent several times, as Node joins those of most headers: by default Node keeps the
 * first value and discards the others.
 *
 * @throws OnrampError 40001 when `Host` is missing (HTTP/1.1), is given twice, or is not valid
 */
export function prepareHead(req: IncomingMessage): void {
  const { headers, rawHeaders, url = "" } = req;
  if (url.charCodeAt(0) !== SLASH) useAuthority(req, url);
  else if (isSlashAtEnd(url)) req.url = url.replace(/\/(?=\?|$)/, "");
  let hosts = 0;
  let types = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    if (isNamed(name, HOST)) hosts++;
    else if (isNamed(name, CONTENT_TYPE) && ++types > 1) headers[CONTENT_TYPE] += `, ${rawHeaders[n + 1]}`;
  }
  const wrong = hosts > 1 || (hosts === 0 && req.httpVersion === "1.1");
  if (wrong || !isAuthority(headers.host ?? "")) throw new OnrampError(40001, BAD_HOST);
}

/** Converts a target in absolute form (RFC 9112, 3.2.2 and 3.2.4). @throws OnrampError 40001 without an authority */
function useAuthority(req: IncomingMessage, url: string): void {
  const [, authority, path = ""] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined) return;
  if (authority === "") throw new OnrampError(40001, BAD_HOST);
  req.headers.host = authority;
  const rest = path.charCodeAt(0) === SLASH ? path : `/${path}`;
  req.url =
    path === "" && req.method === "OPTIONS"
      ? "*"
      : isSlashAtEnd(rest)
        ? rest.replace(/\/(?=\?|$)/, "")
        : rest;
}

function isSlashAtEnd(url: string): boolean {
  const mark = url.indexOf("?");
  const end = mark < 0 ? url.length : mark;
  return end > 1 && url.charCodeAt(end - 1) === SLASH;
}

/** The last valid host: nearly all requests have the same one. */
let lastValid = "";

function isAuthority(host: string): boolean {
  if (host === lastValid) return true;
  if (!AUTHORITY.test(host)) return false;
  lastValid = host;
  return true;
}

const BAD_HOST =
  "A request must have exactly one valid Host header (RFC 9112, 3.2); only HTTP/1.0 allows none. Send one, such as Host: localhost.";

/** Whether a header has a name, which is in lower case. The cheapest comparison is the first one, for speed. */
const isNamed = (header: string, name: string): boolean =>
  header.length === name.length && (header === name || header.toLowerCase() === name);
