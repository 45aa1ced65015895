// Finds the numbers of a JSON text that lose digits when they are parsed, and parses the text without the loss.

import { isUtf8 } from "node:buffer";
import { canonicalNumber, decimalOf, INTEGER, isDecimalText, isExactNumber, isIntegral } from "./decimal.ts";

/** The positions of a number in the bytes: `[from, to)`. */
export interface NumberExtent {
  readonly from: number;
  readonly to: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** A number without exponent that is not longer than this has at most 15 digits, so it is exact. */
const SHORT = 15;
const NUMBER_CHARACTER = new Uint8Array(256);
for (const byte of Buffer.from("0123456789.eE+-")) NUMBER_CHARACTER[byte] = 1;

/**
 * Finds the numbers for which `isExactNumber` is false. Costs less than the parse of the text.
 *
 * @param json a text that `JSON.parse` accepts
 */
export function inexactNumbers(json: Buffer): readonly NumberExtent[] {
  const found: NumberExtent[] = [];
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) {
      // `endOfString` is slower on short strings, such as the names of members.
      for (at++; at < json.length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
    } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      const from = at;
      let exponent = false;
      for (; NUMBER_CHARACTER[json[at] as number] === 1; at++)
        if (((json[at] as number) | 0x20) === 0x65) exponent = true;
      if ((exponent || at - from > SHORT) && !isExactNumber(json.toString("latin1", from, at)))
        found.push({ from, to: at });
      at--;
    }
  }
  return found;
}

/**
 * Makes the numbers of a parsed JSON text exact: each number that the parse may have changed is replaced by a
 * string with the digits as they were sent. Called before each evaluation of an expression.
 *
 * @param parsed the result of `JSON.parse` on the text
 * @returns `parsed` itself when all its numbers are exact
 */
export function withExactNumbers(json: Buffer, parsed: unknown): unknown {
  const numbers = inexactNumbers(json);
  return numbers.length === 0 ? parsed : parseReplaced(json, numbers, quoted);
}

/**
 * Parses the value of a record for an expression: JSON with exact numbers, other text as it is, other bytes as Base64, and undefined for a
 * tombstone.
 */
export function parsedValue(value: Buffer | null): unknown {
  if (value === null) return undefined;
  if (!isUtf8(value)) return value.toString("base64");
  const text = value.toString("utf8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text;
  }
  return withExactNumbers(value, parsed);
}

/** Two parses of a JSON text, for a validator that knows JavaScript's numbers only. */
export interface ExactValue {
  /** The value with the given numbers as strings. */
  readonly exact: unknown;
  /** The value with a number in the same places: an integer instead of an integer, a fraction instead of a fraction. */
  readonly rounded: unknown;
}

/**
 * @param parsed the result of `JSON.parse` on the text
 * @param numbers the result of `inexactNumbers`
 */
export function parseExactly(json: Buffer, parsed: unknown, numbers: readonly NumberExtent[]): ExactValue {
  const other = numbers.filter(({ from, to }) => substitute(json.toString("latin1", from, to)) !== undefined);
  return {
    exact: parseReplaced(json, numbers, quoted),
    rounded: other.length === 0 ? parsed : parseReplaced(json, other, (text) => substitute(text) ?? text),
  };
}

/**
 * Prints a value as JSON, with all digits of its numbers.
 *
 * @param exact the value in which the numbers that JavaScript would round are strings
 */
export function printExactly(value: unknown, exact: unknown): string {
  if (typeof value === "number" && typeof exact === "string" && !isSameNumber(exact, String(value)))
    return decimalText(exact);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const inner = (key: string | number): unknown => (exact as Record<string | number, unknown>)[key];
  if (Array.isArray(value)) return `[${value.map((item, index) => printExactly(item, inner(index)))}]`;
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${printExactly(member, inner(name))}`,
  );
  return `{${members}}`;
}

const isSameNumber = (a: string, b: string): boolean => canonicalNumber(a) === canonicalNumber(b);

/** @param text a number that may be written as YAML allows, such as `+1` or `1.e3` */
function decimalText(text: string): string {
  if (isDecimalText(text)) return text;
  const { negative, digits, magnitude } = decimalOf(text);
  return `${negative ? "-" : ""}${digits || "0"}e${magnitude - digits.length}`;
}

const quoted = (text: string): string => `"${text}"`;

/** @returns the number to use where the parsed one is not finite, or an integer in place of a fraction */
function substitute(text: string): string | undefined {
  const parsed = Number(text);
  if (!Number.isFinite(parsed)) return String(Math.sign(parsed) * Number.MAX_VALUE);
  return Number.isInteger(parsed) && !INTEGER.test(text) && !isIntegral(decimalOf(text)) ? "0.5" : undefined;
}

function parseReplaced(
  json: Buffer,
  numbers: readonly NumberExtent[],
  replacement: (text: string) => string,
): unknown {
  // One character per byte: slices of a string cost much less than slices of a buffer.
  const source = json.toString("latin1");
  let text = "";
  let at = 0;
  for (const { from, to } of numbers) {
    text += source.slice(at, from) + replacement(source.slice(from, to));
    at = to;
  }
  return JSON.parse(Buffer.from(text + source.slice(at), "latin1").toString("utf8"));
}
