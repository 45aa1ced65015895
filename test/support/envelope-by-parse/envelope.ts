// Reads an envelope by `JSON.parse`, as Onramp did at first: the reference for the reader that walks over its bytes.

import { type ErrorDetail, MOST_DETAILS, OnrampError } from "../../../src/core/errors.ts";
import { parseJson } from "../../../src/core/json.ts";
import type { Draft, Header } from "../../../src/core/record.ts";
import { checkPartition, checkTimestamp } from "../../../src/http/produce/formats/values.ts";
import { extentsOf, type RecordExtent } from "./extents.ts";

type Member = "key" | "value";
type Members = Readonly<Record<string, unknown>>;

/** Converts a key or value other than null to bytes. Its JSON text is `[from, to)` in the body. */
type Decode = (given: unknown, body: Buffer, from: number, to: number, member: Member) => Buffer;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** Members that Confluent's clients send in the envelope for a schema registry; only null is accepted. */
const SCHEMA_MEMBERS = ["key_schema", "key_schema_id", "value_schema", "value_schema_id"];
const RECORD_MEMBERS = ["key", "value", "partition", "timestamp", "headers"];

/** The formats: how a key or value becomes bytes. */
export const decodes: Readonly<Record<"json" | "binary" | "text", Decode>> = {
  json: (_, body, from, to) => body.subarray(from, to),
  binary: (given, _body, _from, _to, member) => base64(given, member),
  text: (given, _body, _from, _to, member) => text(given, member),
};

/** @throws OnrampError as `EnvelopeReader` */
export function draftsByParse(body: Buffer, decode: Decode, partition: number | undefined): Draft[] {
  const records = recordsOf(parseJson(body, "The body"));
  const extents = extentsOf(body);
  const errors: ErrorDetail[] = [];
  let malformed = 0;
  const drafts = records.map((record, index): Draft => {
    try {
      return draftOf(record, extents[index] as RecordExtent, body, partition, decode);
    } catch (error) {
      if (!(error instanceof OnrampError)) throw error;
      if (errors.length < MOST_DETAILS)
        errors.push({ index, error_code: error.code, message: error.message });
      malformed++;
      return EMPTY;
    }
  });
  if (malformed > 0) throw malformedRecords(errors, malformed, records.length);
  return drafts;
}

const EMPTY: Draft = { key: null, value: null, headers: [] };

function recordsOf(parsed: unknown): readonly unknown[] {
  const shape = 'An envelope must be {"records":[{"value":…},…]} with at least one record.';
  if (!isObject(parsed)) throw new OnrampError(40001, shape);
  for (const name of Object.keys(parsed)) {
    if (name === "records" || (SCHEMA_MEMBERS.includes(name) && parsed[name] === null)) continue;
    throw new OnrampError(40001, `The envelope's member "${name.slice(0, 60)}" is not supported. ${shape}`);
  }
  const { records } = parsed as { records?: unknown };
  if (!Array.isArray(records) || records.length === 0) throw new OnrampError(40001, shape);
  return records;
}

function draftOf(
  record: unknown,
  extent: RecordExtent,
  body: Buffer,
  fromPath: number | undefined,
  decode: Decode,
): Draft {
  if (!isObject(record))
    throw new OnrampError(
      40001,
      "A record must be an object, which may have key, value, partition, timestamp and headers.",
    );
  for (const name of Object.keys(record)) {
    if (!RECORD_MEMBERS.includes(name))
      throw new OnrampError(
        40001,
        `The record's member "${name.slice(0, 60)}" is not supported; the members of a record are ${RECORD_MEMBERS.join(", ")}.`,
      );
  }
  const { key, value, partition, timestamp, headers } = record as Record<string, unknown>;
  if (isGiven(partition) && fromPath !== undefined)
    throw new OnrampError(40001, "The partition is given in the path and in the record; specify it once.");
  return {
    key: isGiven(key) ? decode(key, body, extent.keyFrom, extent.keyTo, "key") : null,
    value: isGiven(value) ? decode(value, body, extent.valueFrom, extent.valueTo, "value") : null,
    headers: isGiven(headers) ? headersOf(headers) : [],
    partition: isGiven(partition) ? checkPartition(number(partition, "partition")) : fromPath,
    timestamp: isGiven(timestamp) ? checkTimestamp(number(timestamp, "timestamp")) : undefined,
    parsed: undefined,
    json: undefined,
  };
}

function headersOf(given: unknown): Header[] {
  const shape = 'Headers must be [{"key":"name","value":"base64"},…].';
  if (!Array.isArray(given)) throw new OnrampError(40001, shape);
  return given.map((header: unknown): Header => {
    if (!isObject(header)) throw new OnrampError(40001, shape);
    const { key, value, ...rest } = header as Record<string, unknown>;
    if (typeof key !== "string" || !key.isWellFormed() || Object.keys(rest).length > 0)
      throw new OnrampError(40001, shape);
    return { key, value: isGiven(value) ? base64(value, "value") : null };
  });
}

function malformedRecords(errors: readonly ErrorDetail[], malformed: number, records: number): OnrampError {
  const first = errors[0] as ErrorDetail;
  return new OnrampError(
    first.error_code ?? 40001,
    `${malformed} of ${records} records are malformed; nothing was written. Record ${first.index}: ${first.message}`,
    { errors },
  );
}

function base64(given: unknown, member: Member): Buffer {
  if (typeof given === "string" && given.length % 4 === 0 && BASE64.test(given))
    return Buffer.from(given, "base64");
  throw new OnrampError(40001, `The ${member} must be base64 with padding (RFC 4648).`);
}

function text(given: unknown, member: Member): Buffer {
  if (typeof given !== "string")
    throw new OnrampError(40001, `In the text format, the ${member} must be a string.`);
  if (!given.isWellFormed())
    throw new OnrampError(
      40001,
      `The ${member} contains an unpaired surrogate, which UTF-8 cannot represent.`,
    );
  return Buffer.from(given);
}

function number(given: unknown, what: string): number {
  if (typeof given === "number") return given;
  throw new OnrampError(40001, `The ${what} must be a number.`);
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);
