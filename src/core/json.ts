// JSON as bytes: parsed once, strictly, with a bound on its depth.

import { isUtf8 } from "node:buffer";
import { OnrampError } from "./errors.ts";
import { jsonFault } from "./json-check.ts";

/** Deeper JSON is refused: a recursive validator would run out of stack on it. */
export const MAX_DEPTH = 1000;
/** JSON with more values is refused: parsed, tiny values take a hundred times the bytes that they came in. */
export const MAX_VALUES = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/**
 * Parses a whole JSON text.
 *
 * @param what names the text in the error, as "The body"
 * @throws OnrampError 40001 when it is not UTF-8, not JSON (RFC 8259), or deeper than `MAX_DEPTH`; 41301 past `MAX_VALUES`
 */
export function parseJson(bytes: Buffer, what: string): unknown {
  if (!isUtf8(bytes)) throw notUtf8(what);
  // Every level takes a bracket, so a short text cannot be too deep.
  const { depth, values } = bytes.length > MAX_DEPTH ? measure(bytes) : NOTHING;
  if (values > MAX_VALUES) throw tooMany(what);
  if (depth > MAX_DEPTH) throw tooDeep(what);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new OnrampError(40001, `${what} is not valid JSON: ${describe(error)}.`, { cause: error });
  }
}

/**
 * As `parseJson`, where nobody needs what the text holds: a fraction of the cost, and no garbage.
 *
 * @throws OnrampError as `parseJson`
 */
export function checkJson(bytes: Buffer, what: string): void {
  if (!isUtf8(bytes)) throw notUtf8(what);
  const fault = jsonFault(bytes, MAX_DEPTH, MAX_VALUES);
  if (!fault) return;
  if (fault.what === "values") throw tooMany(what);
  if (fault.what === "depth") throw tooDeep(what);
  const why = fault.what === "end" ? "it ends too early" : `unexpected character at position ${fault.at}`;
  throw new OnrampError(40001, `${what} is not valid JSON: ${why}.`);
}

const notUtf8 = (what: string): OnrampError => new OnrampError(40001, `${what} is not valid UTF-8.`);
const tooDeep = (what: string): OnrampError =>
  new OnrampError(40001, `${what} is nested more than ${MAX_DEPTH} levels deep.`);
const tooMany = (what: string): OnrampError =>
  new OnrampError(41301, `${what} holds more than ${MAX_VALUES} JSON values. Send it in several requests.`);

/** The position of the quote that ends the string which starts at `from`; the text's length when none does. */
export function endOfString(bytes: Buffer, from: number): number {
  let at = from + 1;
  for (;;) {
    at = bytes.indexOf(QUOTE, at);
    if (at < 0) return bytes.length;
    let escapes = 0;
    while (bytes[at - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
    at++;
  }
}

const NOTHING = { depth: 0, values: 0 };

/** The depth of a JSON text, and at most how many values it holds: each but the first stands behind a bracket or a comma. */
function measure(bytes: Buffer): { depth: number; values: number } {
  let [depth, most, values] = [0, 0, 1];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at);
    else if (byte === COMMA) values++;
    else if (byte === 0x7b || byte === 0x5b) {
      values++;
      if (++depth > most) most = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return { depth: most, values };
}

/** V8's message without the excerpt of the text, which may hold what no error may carry. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `unexpected character at position ${position}`;
  return message.startsWith("Unexpected end") ? "it ends too early" : "unexpected character";
}
