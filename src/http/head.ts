// Prepares the head of a request for its handlers.

import type { IncomingMessage } from "node:http";

const CONTENT_TYPE = "content-type";
const SLASH = 0x2f;
/** A target in absolute form (RFC 9112, 3.2.2), as clients send it to a proxy: authority, path and query. */
const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)([^#]*)/i;

/**
 * Converts a target in absolute form to a path, and its authority to `Host`. Joins the values of a
 * `Content-Type` that was sent several times, as Node joins those of most headers: by default Node keeps the
 * first value and discards the others.
 */
export function prepareHead(req: IncomingMessage): void {
  const { headers, rawHeaders, url = "" } = req;
  if (url.charCodeAt(0) !== SLASH) {
    const [, authority, path = ""] = ABSOLUTE.exec(url) ?? [];
    if (authority !== undefined) {
      headers.host = authority;
      req.url = path.charCodeAt(0) === SLASH ? path : `/${path}`;
    }
  }
  let types = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    if (!isNamed(rawHeaders[n] as string, CONTENT_TYPE)) continue;
    if (++types > 1) headers[CONTENT_TYPE] += `, ${rawHeaders[n + 1]}`;
  }
}

/** Whether a header has a name, which is in lower case. The lengths are compared first, for speed. */
const isNamed = (header: string, name: string): boolean =>
  header.length === name.length && header.toLowerCase() === name;
