// Prepares the head of a request for its handlers.

import type { IncomingMessage } from "node:http";

const CONTENT_TYPE = "content-type";

/**
 * Joins the values of a `Content-Type` that was sent several times, as Node joins those of most headers: by
 * default Node keeps the first value and discards the others.
 */
export function prepareHead({ headers, rawHeaders }: IncomingMessage): void {
  let types = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    if (!isNamed(rawHeaders[n] as string, CONTENT_TYPE)) continue;
    if (++types > 1) headers[CONTENT_TYPE] += `, ${rawHeaders[n + 1]}`;
  }
}

/** Whether a header has a name, which is in lower case. The lengths are compared first, for speed. */
const isNamed = (header: string, name: string): boolean =>
  header.length === name.length && header.toLowerCase() === name;
