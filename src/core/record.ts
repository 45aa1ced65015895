// Records before they are written, and the outcomes of writing them. Independent of Kafka and HTTP.

import { elementAt } from "./element.ts";
import type { OnrampError } from "./errors.ts";

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A record that a request asks to write. Only `core/ingest.ts` converts it to an `AcceptedRecord`. */
export interface Draft {
  key: Buffer | null;
  /** Null for a tombstone. */
  value: Buffer | null;
  headers: readonly Header[];
  /** Undefined: Onramp selects the partition, by the key if there is one. */
  partition?: number | undefined;
  /** Milliseconds since 1970. Undefined: the time of receipt. */
  timestamp?: number | undefined;
  /** The value as parsed JSON, when it has been parsed already; saves a second parse. */
  parsed?: unknown;
  /**
   * The name of the value in errors, such as "The body". Set when the value must be JSON and is not checked
   * yet.
   */
  json?: string | undefined;
  /**
   * The error of a record that could not be read, such as a line that is too long. Used only with
   * `AcceptOptions.onBadRecord`, which specifies what happens to the other records.
   */
  fault?: OnrampError;
}

declare const accepted: unique symbol;

/** A draft that conforms to the rules of its topic and has a timestamp. Created by `core/ingest.ts` only. */
export interface AcceptedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  readonly partition?: number | undefined;
  readonly timestamp: number;
  readonly [accepted]: true;
}

/** A record for a transaction: for its own topic, or a dead letter. */
export interface PreparedRecord {
  readonly topic: string;
  readonly record: AcceptedRecord;
  /** True when the record is sent in its own compressed batch, even if the configuration does not compress batches. */
  readonly compress?: true | undefined;
}

/**
 * The outcomes of the records of one request, in the order of the request. Record `n` was written when
 * `errors[n]` is undefined; otherwise `errors[n]` is the reason. A caller that does not read `errors` must
 * call `orThrow`. The outcomes are stored in columns, because one object per record would be the main cost of
 * the hot path.
 */
export class Receipts {
  readonly partitions: number[];
  /** -1 for a record that has an error. */
  readonly offsets: number[];
  readonly timestamps: number[];
  /** Sparse; undefined when every record was written. */
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

  /**
   * @returns these receipts, when every record was written
   * @throws the first error, when a record was not written
   */
  orThrow(): this {
    const error = this.errors?.find((found) => found !== undefined);
    if (error) throw error;
    return this;
  }

  fail(index: number, error: OnrampError): void {
    this.errors ??= new Array<OnrampError | undefined>(this.count);
    this.errors[index] = error;
  }

  /**
   * Sets the outcomes of all records.
   *
   * @param appended the outcomes of the records that were passed to `RecordLog.append`, in order
   * @param problems the errors of the other records, by index
   */
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
