// The extension `hstore`: a map of strings.

import { innerJsonString, jsonString } from "./json-text.ts";
import { PLACEHOLDER } from "./unavailable.ts";

const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:NULL|"((?:[^"\\]|\\.)*)")/gs;

/** JSON of an `hstore`: a string that contains compact JSON, with the keys in PostgreSQL's order. */
export function hstoreJson(text: string): string {
  const pairs: string[] = [];
  for (const [, key = "", value] of text.matchAll(PAIR))
    pairs.push(`${member(key)}:${value === undefined ? "null" : member(value)}`);
  return jsonString(`{${pairs.join(",")}}`);
}

const member = (escaped: string): string => innerJsonString(escaped.replaceAll(/\\(.)/gs, "$1"));

/** The JSON that stands for an unchanged TOAST value of an `hstore`. */
export const UNAVAILABLE_HSTORE = hstoreJson(`"${PLACEHOLDER}"=>"${PLACEHOLDER}"`);
