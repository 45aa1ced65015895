// Splits a stream of bytes into lines, and finds the members of a JSON object without changing their bytes.

import { isUtf8 } from "node:buffer";
import { jsonFault } from "../core/json-check.ts";
import { eachMember, OPEN_BRACE, skipSpace, skipValue } from "../core/json-extents.ts";

const NEWLINE = 0x0a;

/** Splits chunks into lines, which end with LF. A line that has not ended when the stream ends is not a line. */
export class Lines {
  #parts: Buffer[] = [];

  /** @returns the lines that end in `chunk`, without their LF */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const part = chunk.subarray(from, at);
      lines.push(this.#parts.length === 0 ? part : Buffer.concat([...this.#parts, part]));
      this.#parts = [];
      from = at + 1;
    }
    if (from < chunk.length) this.#parts.push(chunk.subarray(from));
    return lines;
  }
}

/** More levels and values than a record can have: its value has up to 1,000 levels and a million values. */
const MAX_DEPTH = 1100;
const MAX_VALUES = 2_000_000;

/** @returns the values of an object by name, as the bytes of the text; undefined for a text that is not an object */
export function membersOf(json: Buffer): Map<string, Buffer> | undefined {
  if (!isUtf8(json) || jsonFault(json, MAX_DEPTH, MAX_VALUES) !== undefined) return undefined;
  const start = skipSpace(json, 0);
  if (json[start] !== OPEN_BRACE) return undefined;
  const members = new Map<string, Buffer>();
  eachMember(json, start, (name, from) => {
    const to = skipValue(json, from);
    members.set(name, json.subarray(from, to));
    return to;
  });
  return members;
}

/** @returns the text of a member; undefined when it is missing or not a string */
export function stringOf(member: Buffer | undefined): string | undefined {
  const value: unknown = member === undefined ? undefined : JSON.parse(member.toString());
  return typeof value === "string" ? value : undefined;
}

/** @returns the number of a member; undefined when it is missing or not a number */
export function numberOf(member: Buffer | undefined): number | undefined {
  const value = Number(member?.toString());
  return Number.isFinite(value) ? value : undefined;
}
