// A record on its way in, and the outcome of writing it. Knows neither Kafka nor HTTP.

import { elementAt } from "./element.ts";
import type { OnrampError } from "./errors.ts";

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A record that an edge wants to write. Only `ingest` makes a record of it. */
export interface Draft {
  key: Buffer | null;
  /** Null is a tombstone. */
  value: Buffer | null;
  headers: readonly Header[];
  /** Undefined: the key selects the partition, or Onramp does. */
  partition?: number | undefined;
  /** Milliseconds since 1970. Undefined: the time of receipt. */
  timestamp?: number | undefined;
  /** The value as parsed JSON, where the edge has parsed it already; saves a second parse. */
  parsed?: unknown;
  /** Set when the value should be JSON and has not been checked: its name in an error, such as "The body". */
  json?: string | undefined;
  /** Why the edge could not read this record; the record fails alone where `AcceptOptions.onBadRecord` allows it. */
  fault?: OnrampError;
}

declare const accepted: unique symbol;

/** A draft that passed the rules of its topic and has a timestamp. Made by `core/ingest.ts` alone. */
export interface AcceptedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  readonly partition?: number | undefined;
  readonly timestamp: number;
  readonly [accepted]: true;
}

/**
 * The outcomes of the records of one request, in columns, in request order: a receipt where `errors[n]` is undefined,
 * else the reason. Columns, because one object per record would be the main cost of the hot path. A caller that does not
 * look at `errors` calls `orThrow`.
 */
export class Receipts {
  readonly partitions: number[];
  /** -1 where there is no receipt. */
  readonly offsets: number[];
  readonly timestamps: number[];
  /** Sparse; undefined as a whole when every record was written. */
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

  /** @returns these receipts when every record was written @throws the first record's error when one was not */
  orThrow(): this {
    const error = this.errors?.find((each) => each !== undefined);
    if (error) throw error;
    return this;
  }

  fail(index: number, error: OnrampError): void {
    this.errors ??= new Array<OnrampError | undefined>(this.count);
    this.errors[index] = error;
  }

  /** Merges the outcomes of the records that were appended, in order, with the problems of the others, by index. */
  fill(appended: Receipts, problems: ReadonlyMap<number, OnrampError>): void {
    for (let index = 0, next = 0; index < this.count; index++) {
      const error = problems.get(index) ?? appended.errors?.[next];
      if (error) this.fail(index, error);
      if (problems.has(index)) continue;
      this.partitions[index] = elementAt(appended.partitions, next);
      this.offsets[index] = elementAt(appended.offsets, next);
      this.timestamps[index] = elementAt(appended.timestamps, next);
      next++;
    }
  }
}
