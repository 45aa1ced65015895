// A segment, the unit of a lane's queue: records of one request for one partition, and the request that waits for them.

import { elementAt } from "../../core/element.ts";
import type { OnrampError } from "../../core/errors.ts";
import type { AcceptedRecord, Receipts } from "../../core/record.ts";
import { isTime } from "../../core/time.ts";
import { recordSizeBound } from "../../wire/record-batch.ts";

/** A request that waits for all its records: one object and one promise per request, not per record. */
export interface Pending {
  readonly receipts: Receipts;
  /** The number of records without an outcome. */
  remaining: number;
  readonly resolve: (receipts: Receipts) => void;
}

/** A range of the records that one request has for one partition: those from `from` to `to` (exclusive). */
export interface Segment {
  readonly pending: Pending;
  /** All records of the request for the partition. */
  readonly records: readonly AcceptedRecord[];
  /** The index of each of `records` in the request; undefined when they are the whole request. */
  readonly places: readonly number[] | undefined;
  readonly from: number;
  readonly to: number;
  /** The maximum number of bytes that the segment takes in a batch. */
  readonly size: number;
  /** When the caller must be answered, even if the outcome is unknown (milliseconds, `Date.now`). */
  readonly deadline: number;
  /**
   * True when the segment needs a batch of its own, because the broker refused a batch without naming a
   * record.
   */
  readonly alone: boolean;
  /** True when the batch of the segment is compressed, also if batches are not compressed by default. */
  readonly compress: boolean;
  /** True when the caller has been answered: later outcomes are ignored. */
  answered: boolean;
}

/**
 * Reports the records of a segment as written, the first at `baseOffset`.
 *
 * @param appendTime the timestamp that the broker assigned; -1 when the records keep their own timestamps
 */
export function settleWritten(
  segment: Segment,
  partition: number,
  baseOffset: number,
  appendTime: number,
): void {
  if (segment.answered) return;
  const { receipts } = segment.pending;
  for (let n = segment.from; n < segment.to; n++) {
    const place = segment.places === undefined ? n : elementAt(segment.places, n);
    receipts.partitions[place] = partition;
    receipts.offsets[place] = baseOffset + n - segment.from;
    receipts.timestamps[place] = isTime(appendTime) ? appendTime : elementAt(segment.records, n).timestamp;
  }
  answer(segment);
}

/** Reports the records of a segment as failed. */
export function settleFailed(segment: Segment, error: OnrampError): void {
  if (segment.answered) return;
  for (let n = segment.from; n < segment.to; n++) {
    segment.pending.receipts.fail(segment.places === undefined ? n : elementAt(segment.places, n), error);
  }
  answer(segment);
}

/** Returns the part of a segment from `from` to `to` (exclusive) as a new segment. */
export function slice(segment: Segment, from: number, to: number, alone = segment.alone): Segment {
  if (from === segment.from && to === segment.to && alone === segment.alone) return segment;
  return { ...segment, from, to, alone, size: sizeOf(segment.records, from, to) };
}

/** Returns the maximum number of bytes of the records from `from` to `to` (exclusive) in a batch. */
export function sizeOf(records: readonly AcceptedRecord[], from: number, to: number): number {
  let size = 0;
  for (let n = from; n < to; n++) size += recordSizeBound(elementAt(records, n));
  return size;
}

function answer(segment: Segment): void {
  segment.answered = true;
  segment.pending.remaining -= segment.to - segment.from;
  if (segment.pending.remaining === 0) segment.pending.resolve(segment.pending.receipts);
}
