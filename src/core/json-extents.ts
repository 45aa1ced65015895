// Walks through the bytes of a JSON text, and finds the positions of its values, so that their bytes can be used unchanged. The
// caller has checked that the text is valid JSON.

import { endOfString } from "./json.ts";

export const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const COMMA = 0x2c;

/** The positions of a value: `[from, to)`. */
export interface Extent {
  readonly from: number;
  readonly to: number;
}

/**
 * Finds the values at a path of member names. An array on the path or at its end is replaced by its elements, as in JSONata.
 *
 * @param path empty: the text itself, or its elements if it is an array
 */
export function valuesAt(json: Buffer, path: readonly string[]): Extent[] {
  const found: Extent[] = [];
  const visit = (from: number, depth: number): number => {
    if (json[from] === OPEN_BRACKET) return eachElement(json, from, (at) => element(at, depth));
    return element(from, depth);
  };
  const element = (from: number, depth: number): number => {
    if (depth < path.length && json[from] === OPEN_BRACKET) return visit(from, depth);
    const to = skipValue(json, from);
    if (depth === path.length) found.push({ from, to });
    else if (json[from] === OPEN_BRACE) {
      const at = memberAt(json, from, path[depth] as string);
      if (at !== undefined) visit(at, depth + 1);
    }
    return to;
  };
  visit(skipSpace(json, 0), 0);
  return found;
}

/** @returns the position of the value of a member; of the last one if several have the name, as `JSON.parse` does */
function memberAt(json: Buffer, from: number, wanted: string): number | undefined {
  let found: number | undefined;
  eachMember(json, from, (name, at) => {
    if (name === wanted) found = at;
    return skipValue(json, at);
  });
  return found;
}

/**
 * Calls `visit` with the name of every member and the start of its value; `visit` returns the end of the value.
 *
 * @param from the position of the opening brace
 * @returns the position after the closing brace
 */
export function eachMember(json: Buffer, from: number, visit: (name: string, at: number) => number): number {
  let at = skipSpace(json, from + 1);
  while (json[at] !== CLOSE_BRACE) {
    const end = endOfString(json, at);
    const name = nameAt(json, at, end);
    at = skipSpace(json, end + 1);
    at = visit(name, skipSpace(json, at + 1));
    at = skipSpace(json, at);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return at + 1;
}

/** Calls `visit` with the start of every element; `visit` returns its end. As `eachMember`, for an array. */
export function eachElement(json: Buffer, from: number, visit: (at: number) => number): number {
  let at = skipSpace(json, from + 1);
  while (json[at] !== CLOSE_BRACKET) {
    at = skipSpace(json, visit(at));
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return at + 1;
}

function nameAt(json: Buffer, quote: number, end: number): string {
  const text = json.toString("utf8", quote + 1, end);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

/** @returns the position after the value that starts at `from` */
export function skipValue(json: Buffer, from: number): number {
  const first = json[from];
  if (first === QUOTE) return endOfString(json, from) + 1;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipLiteral(json, from);
  let depth = 0;
  for (let at = from; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at + 1;
  }
  return json.length;
}

function skipLiteral(json: Buffer, from: number): number {
  let at = from;
  for (; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= 0x20) break;
  }
  return at;
}

/** @returns the position of the next character that is not whitespace */
export function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while ((json[at] as number) <= 0x20) at++;
  return at;
}
