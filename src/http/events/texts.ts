// Converts the parts of records to the texts of events. Texts have one latin1 character per byte, so that a value that is
// stored as JSON is copied, and not parsed and printed.

import { isAscii, isUtf8 } from "node:buffer";
import { isJsonText } from "../../core/json.ts";
import type { ConsumedRecord } from "../../core/ports.ts";
import type { Header } from "../../core/record.ts";

/** The UTF-8 of a text, one latin1 character per byte. */
export const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

/** A JSON string with the text of bytes that are UTF-8. */
export const jsonString = (bytes: Buffer): string =>
  isAscii(bytes) ? JSON.stringify(bytes.toString("latin1")) : utf8(JSON.stringify(bytes.toString("utf8")));

/** A value as JSON. */
export const json = (value: unknown): string => utf8(JSON.stringify(value));

/** A member of a JSON object: the text of bytes, or `<name>_base64` for bytes that are not UTF-8. */
function textMember(name: string, bytes: Buffer | null): string {
  if (bytes === null) return `"${name}":null`;
  return isUtf8(bytes) ? `"${name}":${jsonString(bytes)}` : base64Member(name, bytes);
}

const base64Member = (name: string, bytes: Buffer): string =>
  `"${name}_base64":"${bytes.toString("base64")}"`;

const headerJson = ({ key, value }: Header): string => `{"key":${json(key)},${textMember("value", value)}}`;

/** The member `name` of a JSON object with a value: the stored JSON unchanged, or a text, or base64. */
export const valueMember = (name: string, value: Buffer | null): string =>
  value !== null && isJsonText(value) ? `"${name}":${value.toString("latin1")}` : textMember(name, value);

/** A record as JSON. */
export function recordJson({
  topic,
  partition,
  offset,
  timestamp,
  key,
  headers,
  value,
}: ConsumedRecord): string {
  // The names of topics have no characters that JSON escapes.
  return `{"topic":"${topic}","partition":${partition},"offset":${offset},"timestamp":${timestamp},${textMember("key", key)},"headers":[${headers.map(headerJson).join(",")}],${valueMember("value", value)}}`;
}
