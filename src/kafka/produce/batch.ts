// One batch of a lane: encodes its segments, keeps the encoded bytes for a retry, and reports the outcome to the
// callers.

import { elementAt } from "../../core/element.ts";
import type { OnrampError } from "../../core/errors.ts";
import {
  BATCH_OVERHEAD,
  type BatchCompression,
  type BatchEncoder,
  type BatchIdentity,
} from "../../wire/record-batch.ts";
import { GZIP } from "./compression.ts";
import { type Segment, settleFailed, settleWritten, slice } from "./segment.ts";

/** A batch, from the time its segments leave the queue until its outcome is known. */
export class Batch {
  readonly segments: readonly Segment[];
  /** The number of records. */
  readonly count: number;
  inFlight = false;
  tries = 0;
  /**
   * True after a try whose outcome is unknown, until the broker settles it. An open batch may be sent again only with
   * the same bytes, so that the broker recognizes a duplicate.
   */
  open = false;
  #bytes: Buffer | undefined;

  constructor(segments: readonly Segment[]) {
    this.segments = segments;
    this.count = segments.reduce((sum, segment) => sum + segment.to - segment.from, 0);
  }

  /** The maximum number of bytes that `encode` writes. */
  get sizeBound(): number {
    if (this.open && this.#bytes) return this.#bytes.length;
    return this.segments.reduce((sum, segment) => sum + segment.size, BATCH_OVERHEAD);
  }
  /** True when all callers have been answered, for example because their deadlines have passed. */
  get answered(): boolean {
    return this.segments.every((segment) => segment.answered);
  }

  /**
   * Encodes the batch into `target` at the position `at`. For an open batch, returns the bytes of the earlier tries
   * instead.
   */
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
    const codec = compression ?? (this.segments[0]?.compress ? GZIP : undefined);
    this.#bytes = encoder.finish(identity, codec);
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

  /** Answers the callers whose deadline has passed. */
  expire(now: number, error: () => OnrampError): void {
    for (const segment of this.segments)
      if (segment.deadline <= now && !segment.answered) settleFailed(segment, error());
  }

  /** Returns one segment per record, in order. */
  recordSegments(): Segment[] {
    return this.segments.flatMap((segment) => {
      const parts: Segment[] = [];
      for (let n = segment.from; n < segment.to; n++) parts.push(slice(segment, n, n + 1));
      return parts;
    });
  }

  /** Returns the same segments, marked so that each is sent in a batch of its own. */
  aloneSegments(): Segment[] {
    return this.segments.map((segment) => slice(segment, segment.from, segment.to, true));
  }
}
