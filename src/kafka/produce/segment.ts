// The unit that queues: a run of one request's records for one partition, and the request that waits for it.

import { elementAt } from "../../core/element.ts";
import type { OnrampError } from "../../core/errors.ts";
import type { AcceptedRecord, Receipts } from "../../core/record.ts";
import { recordSizeBound } from "../../wire/record-batch.ts";

/** One request's wait for all its records: one object and one promise, however many records there are. */
export interface Pending {
  readonly receipts: Receipts;
  remaining: number;
  readonly resolve: (receipts: Receipts) => void;
}

/** Records `[from, to)` of a request's share for one partition. */
export interface Segment {
  readonly pending: Pending;
  readonly records: readonly AcceptedRecord[];
  /** Index of each of `records` in the request; undefined when they are the whole request. */
  readonly places: readonly number[] | undefined;
  readonly from: number;
  readonly to: number;
  /** Bytes that it may take in a batch. */
  readonly size: number;
  /** When its caller is answered, whatever is known then (ms, `Date.now`). */
  readonly deadline: number;
  /** Shares no batch with other requests: the broker refused a batch without saying whose record it was. */
  readonly alone: boolean;
  /** Its caller has been answered; what happens to the records now is of no consequence to it. */
  answered: boolean;
}

/** Settles every record of a segment as written from `baseOffset` on. */
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
    receipts.timestamps[place] = appendTime >= 0 ? appendTime : elementAt(segment.records, n).timestamp;
  }
  answer(segment);
}

/** Settles every record of a segment as failed. */
export function settleFailed(segment: Segment, error: OnrampError): void {
  if (segment.answered) return;
  for (let n = segment.from; n < segment.to; n++) {
    segment.pending.receipts.fail(segment.places === undefined ? n : elementAt(segment.places, n), error);
  }
  answer(segment);
}

/** The part `[from, to)` of a segment, as a segment of its own. */
export function slice(segment: Segment, from: number, to: number, alone = segment.alone): Segment {
  if (from === segment.from && to === segment.to && alone === segment.alone) return segment;
  return { ...segment, from, to, alone, size: sizeOf(segment.records, from, to) };
}

/** The bound of the bytes of `records[from, to)`. */
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
