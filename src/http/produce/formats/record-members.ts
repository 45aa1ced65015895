// Converts the members of a record of an envelope to a draft.

import { OnrampError } from "../../../core/errors.ts";
import { eachElement, eachMember, OPEN_BRACE, OPEN_BRACKET, skipValue } from "../../../core/json-extents.ts";
import type { Draft, Header } from "../../../core/record.ts";
import { checkPartition, checkTimestamp } from "./values.ts";

export type Member = "key" | "value";

/** Converts a key or value other than null to bytes. Its JSON text is `[from, to)` in the body. */
export type Decode = (body: Buffer, from: number, to: number, member: Member) => Buffer;

export const RECORD_MEMBERS = ["key", "value", "partition", "timestamp", "headers"];
const [KEY, VALUE, PARTITION, TIMESTAMP] = [0, 1, 2, 3] as const;
/** The index of `headers` in `RECORD_MEMBERS`. */
export const HEADERS = 4;
const NO_HEADERS: readonly Header[] = [];
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NULL = 0x6e;

/** The positions of the members of one record at a time. */
export class RecordMembers {
  readonly #from = [-1, -1, -1, -1, -1];
  readonly #to = [-1, -1, -1, -1, -1];
  /** The first member with an unknown name. */
  unknown: string | undefined;

  clear(): void {
    this.#from.fill(-1);
    this.unknown = undefined;
  }

  /** @param index into `RECORD_MEMBERS` */
  set(index: number, from: number, to: number): void {
    this.#from[index] = from;
    this.#to[index] = to;
  }

  from(index: number): number {
    return this.#from[index] as number;
  }

  to(index: number): number {
    return this.#to[index] as number;
  }

  /** Whether a member is present and not null. */
  has(body: Buffer, index: number): boolean {
    const from = this.from(index);
    return from >= 0 && body[from] !== NULL;
  }

  /** @returns the name of a member that is given twice in a header; undefined when there is none */
  duplicateInHeaders(body: Buffer): string | undefined {
    const from = this.from(HEADERS);
    if (from < 0 || body[from] !== OPEN_BRACKET) return undefined;
    let found: string | undefined;
    eachElement(body, from, (at) => {
      if (body[at] !== OPEN_BRACE) return skipValue(body, at);
      const names = new Set<string>();
      return eachMember(body, at, (name, value) => {
        if (names.has(name)) found ??= name;
        names.add(name);
        return skipValue(body, value);
      });
    });
    return found;
  }
}

/**
 * @param fromPath the partition in the path
 * @throws OnrampError 40001, 40402
 */
export function draftOf(
  body: Buffer,
  members: RecordMembers,
  decode: Decode,
  fromPath: number | undefined,
): Draft {
  if (members.unknown !== undefined)
    throw new OnrampError(
      40001,
      `The record's member "${members.unknown.slice(0, 60)}" is not supported; the members of a record are ${RECORD_MEMBERS.join(", ")}.`,
    );
  const hasPartition = members.has(body, PARTITION);
  if (hasPartition && fromPath !== undefined)
    throw new OnrampError(40001, "The partition is given in the path and in the record; specify it once.");
  return {
    key: members.has(body, KEY) ? decode(body, members.from(KEY), members.to(KEY), "key") : null,
    value: members.has(body, VALUE) ? decode(body, members.from(VALUE), members.to(VALUE), "value") : null,
    headers: members.has(body, HEADERS)
      ? headersOf(JSON.parse(body.toString("utf8", members.from(HEADERS), members.to(HEADERS))))
      : NO_HEADERS,
    partition: hasPartition ? checkPartition(numberAt(body, members, PARTITION)) : fromPath,
    timestamp: members.has(body, TIMESTAMP) ? checkTimestamp(numberAt(body, members, TIMESTAMP)) : undefined,
    parsed: undefined,
    json: undefined,
  };
}

/** Keeps the bytes of the JSON. */
export const jsonBytes: Decode = (body, from, to) => body.subarray(from, to);

/** Decodes a string with Base64 (RFC 4648, with padding). */
export const base64Bytes: Decode = (body, from, to, member) => base64(stringAt(body, from, to), member);

/** Encodes a string as UTF-8. */
export const textBytes: Decode = (body, from, to, member) => {
  if (body[from] !== QUOTE)
    throw new OnrampError(40001, `In the text format, the ${member} must be a string.`);
  const inner = body.subarray(from + 1, to - 1);
  if (!inner.includes(BACKSLASH)) return inner;
  const text = stringAt(body, from, to) as string;
  if (text.isWellFormed()) return Buffer.from(text);
  throw new OnrampError(40001, `The ${member} contains an unpaired surrogate, which UTF-8 cannot represent.`);
};

/** @returns the string that starts at `from`; undefined for any other value */
const stringAt = (body: Buffer, from: number, to: number): string | undefined =>
  body[from] === QUOTE ? (JSON.parse(body.toString("utf8", from, to)) as string) : undefined;

function numberAt(body: Buffer, members: RecordMembers, index: number): number {
  const from = members.from(index);
  const first = body[from] as number;
  if (first === 0x2d || (first >= 0x30 && first <= 0x39))
    return Number(body.toString("latin1", from, members.to(index)));
  throw new OnrampError(40001, `The ${RECORD_MEMBERS[index]} must be a number.`);
}

function headersOf(given: unknown): Header[] {
  const shape = 'Headers must be [{"key":"name","value":"base64"},…].';
  if (!Array.isArray(given)) throw new OnrampError(40001, shape);
  return given.map((header: unknown): Header => {
    if (typeof header !== "object" || header === null || Array.isArray(header))
      throw new OnrampError(40001, shape);
    const { key, value, ...rest } = header as Record<string, unknown>;
    if (typeof key !== "string" || !key.isWellFormed() || Object.keys(rest).length > 0)
      throw new OnrampError(40001, shape);
    return { key, value: value === undefined || value === null ? null : base64(value, "value") };
  });
}

function base64(given: unknown, member: Member): Buffer {
  if (typeof given === "string" && given.length % 4 === 0 && BASE64.test(given))
    return Buffer.from(given, "base64");
  throw new OnrampError(40001, `The ${member} must be base64 with padding (RFC 4648).`);
}
