// What a record is, on its way in. Knows neither Kafka nor HTTP.

import type { OnrampError } from "./errors.ts";

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/** What an edge asks to be written. It is no record yet: only `ingest` makes one. */
export interface Draft {
  key: Buffer | null;
  /** Null is a tombstone. */
  value: Buffer | null;
  headers: readonly Header[];
  /** Left out: the key decides, or Onramp does. */
  partition?: number | undefined;
  /** Milliseconds since 1970. Left out: the time of receipt. */
  timestamp?: number | undefined;
  /** The value as parsed JSON, where the edge had to parse it anyway; saves a second parse. */
  parsed?: unknown;
  /** Where the value promises to be JSON and nobody has looked: how an error calls it, as "The body". */
  json?: string | undefined;
  /** Why the edge could make nothing of it; it fails alone, where records may (`AcceptOptions.each`). */
  fault?: OnrampError;
}

declare const accepted: unique symbol;

/** A draft that passed the topic's rules and its schema and carries a timestamp. Minted by `ingest` alone. */
export interface AcceptedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  readonly partition?: number | undefined;
  readonly timestamp: number;
  readonly [accepted]: true;
}

/**
 * Outcomes of the records of one request, column by column, in request order: a receipt where `errors[n]` is
 * undefined, else the reason. Columns, because an object a record would be the hot path's main cost.
 */
export class Receipts {
  readonly partitions: number[];
  /** -1 where there is no receipt. */
  readonly offsets: number[];
  readonly timestamps: number[];
  /** Sparse: undefined as a whole when every record was written. */
  errors: (OnrampError | undefined)[] | undefined;

  constructor(count: number) {
    this.partitions = new Array<number>(count).fill(-1);
    this.offsets = new Array<number>(count).fill(-1);
    this.timestamps = new Array<number>(count).fill(-1);
    this.errors = undefined;
  }

  get count(): number {
    return this.offsets.length;
  }

  fail(index: number, error: OnrampError): void {
    this.errors ??= new Array<OnrampError | undefined>(this.count);
    this.errors[index] = error;
  }

  /** Takes over the outcomes of the records that went on without those in `faults`, in order. */
  fill(from: Receipts, faults: ReadonlyMap<number, OnrampError>): void {
    for (let index = 0, next = 0; index < this.count; index++) {
      const error = faults.get(index) ?? from.errors?.[next];
      if (error) this.fail(index, error);
      if (faults.has(index)) continue;
      this.partitions[index] = from.partitions[next] as number;
      this.offsets[index] = from.offsets[next] as number;
      this.timestamps[index] = from.timestamps[next] as number;
      next++;
    }
  }
}
