// A batch in hand: which segments it holds, its bytes once encoded, and whether its outcome is open.

import { elementAt } from "../../core/element.ts";
import type { OnrampError } from "../../core/errors.ts";
import {
  BATCH_OVERHEAD,
  type BatchCompression,
  type BatchEncoder,
  type BatchIdentity,
} from "../../wire/record-batch.ts";
import { type Segment, settleFailed, settleWritten, slice } from "./segment.ts";

/** One batch, from the queue to its last answer. */
export class Batch {
  readonly segments: readonly Segment[];
  readonly count: number;
  inFlight = false;
  tries = 0;
  /** From its first try of unknown outcome until an answer 0: only the same bytes may be sent again. */
  open = false;
  #bytes: Buffer | undefined;

  constructor(segments: readonly Segment[]) {
    this.segments = segments;
    this.count = segments.reduce((sum, segment) => sum + segment.to - segment.from, 0);
  }

  /** Bytes that `encode` will need at most. */
  get sizeBound(): number {
    if (this.open && this.#bytes) return this.#bytes.length;
    return this.segments.reduce((sum, segment) => sum + segment.size, BATCH_OVERHEAD);
  }
  /** True when nobody waits for it any more. */
  get answered(): boolean {
    return this.segments.every((segment) => segment.answered);
  }

  /** Writes the batch at `at`; while it is open, returns the very bytes of its earlier tries. */
  encode(
    encoder: BatchEncoder,
    target: Buffer,
    at: number,
    identity: BatchIdentity,
    compression?: BatchCompression,
  ): Buffer {
    this.inFlight = true;
    this.tries++;
    if (this.open && this.#bytes) return this.#bytes;
    encoder.begin(target, at);
    for (const segment of this.segments) {
      for (let n = segment.from; n < segment.to; n++) encoder.add(elementAt(segment.records, n));
    }
    this.#bytes = encoder.finish(identity, compression);
    return this.#bytes;
  }

  settleWritten(partition: number, baseOffset: number, appendTime: number): void {
    let offset = baseOffset;
    for (const segment of this.segments) {
      settleWritten(segment, partition, offset, appendTime);
      offset += segment.to - segment.from;
    }
  }

  settleFailed(error: OnrampError): void {
    for (const segment of this.segments) settleFailed(segment, error);
  }

  /** Answers those whose deadline has come. */
  expire(now: number, error: () => OnrampError): void {
    for (const segment of this.segments)
      if (segment.deadline <= now && !segment.answered) settleFailed(segment, error());
  }

  /** Every record as a segment of its own, in order. */
  singles(): Segment[] {
    return this.segments.flatMap((segment) => {
      const each: Segment[] = [];
      for (let n = segment.from; n < segment.to; n++) each.push(slice(segment, n, n + 1));
      return each;
    });
  }

  /** The same segments, each to travel in a batch of its own. */
  isolated(): Segment[] {
    return this.segments.map((segment) => slice(segment, segment.from, segment.to, true));
  }
}
