// Finds duplicate members in JSON objects. Parsers disagree about which one counts (RFC 8259, section 4).

import { eachElement, eachMember, OPEN_BRACE, OPEN_BRACKET, skipSpace, skipValue } from "./json-extents.ts";
import { escapeName } from "./json-pointer.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * Counts the members in the text and in the parsed value, which has each name once. Searches the text only if the counts differ.
 *
 * @param json a text that `JSON.parse` accepts
 * @param parsed the result of `JSON.parse`
 * @returns the JSON Pointer (RFC 6901) of the first member that is given twice; undefined when there is none
 */
export function duplicateMember(json: Buffer, parsed: unknown): string | undefined {
  if (typeof parsed !== "object" || parsed === null) return undefined;
  return membersOfText(json) === membersOf(parsed) ? undefined : search(json);
}

/** Each member has one colon outside strings. */
function membersOfText(json: Buffer): number {
  let count = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === COLON) count++;
    else if (byte === QUOTE)
      for (at++; at < json.length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
  }
  return count;
}

function membersOf(value: object): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + inside(item), 0);
  let count = 0;
  for (const name of Object.keys(value)) count += 1 + inside((value as Record<string, unknown>)[name]);
  return count;
}

const inside = (value: unknown): number =>
  typeof value === "object" && value !== null ? membersOf(value) : 0;

function search(json: Buffer): string | undefined {
  let found: string | undefined;
  const visit = (from: number, pointer: string): number => {
    if (found !== undefined) return skipValue(json, from);
    if (json[from] === OPEN_BRACKET) {
      let index = 0;
      return eachElement(json, from, (at) => visit(at, `${pointer}/${index++}`));
    }
    if (json[from] !== OPEN_BRACE) return skipValue(json, from);
    const names = new Set<string>();
    return eachMember(json, from, (name, at) => {
      const inner = `${pointer}/${escapeName(name)}`;
      if (names.has(name)) found ??= inner;
      names.add(name);
      return visit(at, inner);
    });
  };
  visit(skipSpace(json, 0), "");
  return found;
}
