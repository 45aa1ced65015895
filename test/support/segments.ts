// Creates accepted records and segments, as the ingest and the producer do.

import { type AcceptedRecord, Receipts } from "../../src/core/record.ts";
import { type Segment, sizeOf } from "../../src/kafka/produce/segment.ts";
import type { WireRecord } from "../../src/wire/record-batch.ts";

/** A record that passed the rules of its topic. */
export function acceptedRecord(
  value: string | Buffer | null,
  more: Partial<WireRecord> & { readonly partition?: number } = {},
): AcceptedRecord {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return { key: null, value: bytes, headers: [], timestamp: 1000, ...more } as unknown as AcceptedRecord;
}

/** A pending request: its receipts, and how often it was answered. */
export interface Waiting {
  readonly segment: Segment;
  readonly receipts: Receipts;
  answers: number;
}

/** A request with these values for one partition, as one segment. */
export function waiting(
  values: readonly (string | Buffer)[],
  { deadline = Number.MAX_SAFE_INTEGER, alone = false } = {},
): Waiting {
  const records = values.map((value) => acceptedRecord(value));
  const receipts = new Receipts(records.length);
  const request: Waiting = {
    receipts,
    answers: 0,
    segment: {
      pending: { receipts, remaining: records.length, resolve: () => void request.answers++ },
      records,
      places: undefined,
      from: 0,
      to: records.length,
      size: sizeOf(records, 0, records.length),
      deadline,
      alone,
      compress: false,
      answered: false,
    },
  };
  return request;
}

/** The values of segments, as text, segment by segment. */
export const valuesIn = (segments: readonly Segment[]): string[][] =>
  segments.map(({ records, from, to }) => records.slice(from, to).map(({ value }) => `${value}`));

/** The error codes of a request's records; undefined while there is no error. */
export function codesOf({ receipts: { errors } }: Waiting): (number | undefined)[] | undefined {
  return errors && Array.from(errors, (error) => error?.code);
}

/** The error message of one of its records. */
export const messageOf = ({ receipts }: Waiting, index = 0): string =>
  receipts.errors?.[index]?.message ?? "";
