// Parses and checks JSON, with limits on its depth and its number of values.

import { isUtf8 } from "node:buffer";
import { OnrampError } from "./errors.ts";
import { type JsonFault, jsonFault } from "./json-check.ts";

/** The maximum depth of JSON. On deeper JSON, a recursive validator would overflow the stack. */
export const MAX_DEPTH = 1000;
/** The maximum number of values. A parsed tiny value can take a hundred times the memory of its text. */
export const MAX_VALUES = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/**
 * Parses a whole JSON text.
 *
 * @param what the name of the text in the error, such as "The body"
 * @throws OnrampError 40001 when it is not UTF-8, not JSON (RFC 8259), or deeper than `MAX_DEPTH`; 41301 when
 *   it has more than `MAX_VALUES` values
 */
export function parseJson(bytes: Buffer, what: string): unknown {
  if (!isUtf8(bytes)) throw notUtf8(what);
  // Each level and each value takes at least one byte, so a short text cannot exceed a limit.
  const { depth, values } = bytes.length > MAX_DEPTH ? measure(bytes) : BELOW_LIMITS;
  if (values > MAX_VALUES) throw tooMany(what);
  if (depth > MAX_DEPTH) throw tooDeep(what);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    const why = severalValues(jsonFault(bytes, MAX_DEPTH, MAX_VALUES), bytes) ?? describe(error);
    throw new OnrampError(40001, `${what} is not valid JSON: ${why}.`, { cause: error });
  }
}

/**
 * Checks a JSON text without building a value. Costs a fraction of `parseJson` and leaves no garbage.
 *
 * @throws OnrampError for the same errors as `parseJson`
 */
export function checkJson(bytes: Buffer, what: string): void {
  if (!isUtf8(bytes)) throw notUtf8(what);
  const fault = jsonFault(bytes, MAX_DEPTH, MAX_VALUES);
  if (!fault) return;
  if (fault.what === "values") throw tooMany(what);
  if (fault.what === "depth") throw tooDeep(what);
  const why =
    fault.what === "end"
      ? "it ends too early"
      : (severalValues(fault, bytes) ?? `unexpected character at position ${fault.at}`);
  throw new OnrampError(40001, `${what} is not valid JSON: ${why}.`);
}

/** @returns whether the bytes are a JSON text within the limits */
export const isJsonText = (bytes: Buffer): boolean =>
  isUtf8(bytes) && jsonFault(bytes, MAX_DEPTH, MAX_VALUES) === undefined;

/** A character that a JSON value can start with. */
const VALUE_START = /["{[\dtfn-]/;

/** @returns the reason when another value follows the first one; undefined for any other fault */
function severalValues(fault: JsonFault | undefined, bytes: Buffer): string | undefined {
  if (fault?.what !== "more" || !VALUE_START.test(String.fromCharCode(bytes[fault.at] as number))) return;
  return `another value starts at position ${fault.at}. ${SEPARATE}`;
}

/** curl's option -d removes the line ends of a file, so that the lines of NDJSON become one. */
const SEPARATE =
  "Send one value, or one per line as application/x-ndjson; with curl, use --data-binary, because -d removes line ends";

const notUtf8 = (what: string): OnrampError => new OnrampError(40001, `${what} is not valid UTF-8.`);
const tooDeep = (what: string): OnrampError =>
  new OnrampError(40001, `${what} is nested more than ${MAX_DEPTH} levels deep.`);
const tooMany = (what: string): OnrampError =>
  new OnrampError(
    41301,
    `${what} contains more than ${MAX_VALUES} JSON values. Send them in several requests.`,
  );

/**
 * @returns the position of the closing quote of the string that starts at `from`; without one, the text's
 *   length
 */
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

const BELOW_LIMITS = { depth: 0, values: 0 };

/**
 * Computes the depth of a JSON text and an upper bound for its number of values: each value except the first
 * needs an opening bracket or a comma before it.
 */
function measure(bytes: Buffer): { depth: number; values: number } {
  let [depth, maxDepth, values] = [0, 0, 1];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at);
    else if (byte === COMMA) values++;
    else if (byte === 0x7b || byte === 0x5b) {
      values++;
      if (++depth > maxDepth) maxDepth = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return { depth: maxDepth, values };
}

/** Describes an error of `JSON.parse` without its excerpt of the text, which may contain a secret. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `unexpected character at position ${position}`;
  return message.startsWith("Unexpected end") ? "it ends too early" : "unexpected character";
}
