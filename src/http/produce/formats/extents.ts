// Finds the positions of keys and values in an envelope, so that their bytes are written to Kafka unchanged:
// 1.0 stays 1.0. The caller has checked that the text is valid JSON. The only check here is for duplicate
// members, because `JSON.parse` accepts them.

import { OnrampError } from "../../../core/errors.ts";
import { endOfString } from "../../../core/json.ts";

/** The positions of a record's key and value in the body; -1 for a missing member. */
export interface RecordExtent {
  keyFrom: number;
  keyTo: number;
  valueFrom: number;
  valueTo: number;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const COMMA = 0x2c;

/**
 * Finds the key and the value of every record of a valid JSON envelope.
 *
 * @throws OnrampError 40001 for a member that is given twice in the envelope, a record, or a header
 */
export function extentsOf(body: Buffer): RecordExtent[] {
  const extents: RecordExtent[] = [];
  eachMember(body, skipSpace(body, 0), "the envelope", (name, from) => {
    if (name !== "records" || body[from] !== OPEN_BRACKET) return skipValue(body, from);
    return eachElement(body, from, (at) => {
      const extent: RecordExtent = { keyFrom: -1, keyTo: -1, valueFrom: -1, valueTo: -1 };
      extents.push(extent);
      return body[at] === OPEN_BRACE ? scanRecord(body, at, extent, extents.length - 1) : skipValue(body, at);
    });
  });
  return extents;
}

function scanRecord(body: Buffer, from: number, extent: RecordExtent, index: number): number {
  return eachMember(body, from, `record ${index}`, (name, at) => {
    if (name === "headers" && body[at] === OPEN_BRACKET) return scanHeaders(body, at, index);
    const to = skipValue(body, at);
    if (name === "key") {
      extent.keyFrom = at;
      extent.keyTo = to;
    } else if (name === "value") {
      extent.valueFrom = at;
      extent.valueTo = to;
    }
    return to;
  });
}

function scanHeaders(body: Buffer, from: number, index: number): number {
  return eachElement(body, from, (at) => {
    if (body[at] !== OPEN_BRACE) return skipValue(body, at);
    return eachMember(body, at, `a header of record ${index}`, (_, value) => skipValue(body, value));
  });
}

/**
 * Calls `visit` with the name of every member and the start of its value; `visit` returns the end of the
 * value.
 */
function eachMember(
  body: Buffer,
  from: number,
  what: string,
  visit: (name: string, at: number) => number,
): number {
  const names = new Set<string>();
  let at = skipSpace(body, from + 1);
  while (body[at] !== CLOSE_BRACE) {
    const end = endOfString(body, at);
    const name = nameAt(body, at, end);
    if (names.has(name))
      throw new OnrampError(40001, `The member "${name.slice(0, 60)}" is given twice in ${what}.`);
    names.add(name);
    at = skipSpace(body, end + 1);
    at = visit(name, skipSpace(body, at + 1));
    at = skipSpace(body, at);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  return at + 1;
}

function eachElement(body: Buffer, from: number, visit: (at: number) => number): number {
  let at = skipSpace(body, from + 1);
  while (body[at] !== CLOSE_BRACKET) {
    at = skipSpace(body, visit(at));
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  return at + 1;
}

function nameAt(body: Buffer, quote: number, end: number): string {
  const text = body.toString("utf8", quote + 1, end);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

/** @returns the position after the value that starts at `from` */
function skipValue(body: Buffer, from: number): number {
  const first = body[from];
  if (first === QUOTE) return endOfString(body, from) + 1;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipLiteral(body, from);
  let depth = 0;
  for (let at = from; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at + 1;
  }
  return body.length;
}

function skipLiteral(body: Buffer, from: number): number {
  let at = from;
  for (; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= 0x20) break;
  }
  return at;
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  while ((body[at] as number) <= 0x20) at++;
  return at;
}
