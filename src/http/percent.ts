// Splits and decodes parts of URLs.

import { OnrampError } from "../core/errors.ts";

/** @param what names the part in the error @throws OnrampError 40001 for a text that is not percent-encoded UTF-8 */
export function decodePercent(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new OnrampError(40001, `The ${what} is not percent-encoded UTF-8.`, { cause: error });
  }
}

/** Splits `name=value` of a query. Neither is decoded. */
export function splitPair(pair: string): readonly [name: string, value: string] {
  const at = pair.indexOf("=");
  return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}
