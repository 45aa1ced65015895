// What waits for a partition, in order, and the bytes of it that are queued or in flight.

import { elementAt } from "../../core/element.ts";
import type { OnrampError } from "../../core/errors.ts";
import { BATCH_OVERHEAD, recordSizeBound } from "../../wire/record-batch.ts";
import { type Segment, settleFailed, slice } from "./segment.ts";

/** Taken segments are cut off once there are so many; fewer are not worth a copy of the rest. */
const COMPACT_AT = 32;

/** A first-in-first-out queue of segments that hands out batches of them. */
export class SegmentQueue {
  /** Bytes of what waits and of what was taken and not yet released. */
  bytes = 0;
  #segments: Segment[] = [];
  #head = 0;

  get empty(): boolean {
    return this.#head === this.#segments.length;
  }

  push(segment: Segment): void {
    this.#segments.push(segment);
    this.bytes += segment.size;
  }

  /** Takes the segments of the next batch: as many as fit, at least one record, `alone` ones alone. */
  take(maxBytes: number): Segment[] {
    const taken: Segment[] = [];
    let room = maxBytes - BATCH_OVERHEAD;
    while (!this.empty) {
      const next = this.#segments[this.#head] as Segment;
      if (taken.length > 0 && (next.alone || taken[0]?.alone)) break;
      const head = fitting(next, room, taken.length === 0);
      if (!head) break;
      taken.push(head);
      room -= head.size;
      if (head.to < next.to) {
        this.#segments[this.#head] = slice(next, head.to, next.to);
        break;
      }
      this.#head++;
    }
    // What was taken must not be kept alive from here: under steady load the queue is never quite empty.
    if (this.empty || this.#head > COMPACT_AT) {
      this.#segments = this.#segments.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  /** Puts taken segments back at the head, in order; those whose callers were answered are let go. */
  giveBack(segments: readonly Segment[]): void {
    const waiting: Segment[] = [];
    for (const segment of segments) {
      if (segment.answered) this.bytes -= segment.size;
      else waiting.push(segment);
    }
    this.#segments = waiting.concat(this.#segments.slice(this.#head));
    this.#head = 0;
  }

  /** Lets taken segments go; their callers have been answered. */
  release(segments: readonly Segment[]): void {
    for (const segment of segments) this.bytes -= segment.size;
  }

  /** Fails what waits past its deadline. */
  expire(now: number, error: () => OnrampError): void {
    for (let n = this.#head; n < this.#segments.length; n++) {
      if ((this.#segments[n] as Segment).deadline <= now) return this.fail(error(), now);
    }
  }

  /** Fails what waits and has a deadline up to `until`; nothing of it was sent. */
  fail(error: OnrampError, until = Number.POSITIVE_INFINITY): void {
    const kept: Segment[] = [];
    for (const segment of this.#segments.slice(this.#head)) {
      if (segment.deadline > until) kept.push(segment);
      else {
        settleFailed(segment, error);
        this.bytes -= segment.size;
      }
    }
    this.#segments = kept;
    this.#head = 0;
  }
}

/** As much of a segment as fits in `room`; at least one record where it would stand alone in the batch. */
function fitting(segment: Segment, room: number, first: boolean): Segment | undefined {
  if (segment.size <= room) return segment;
  let to = segment.from;
  let left = room;
  while (to < segment.to) {
    left -= recordSizeBound(elementAt(segment.records, to));
    if (left < 0) break;
    to++;
  }
  if (to === segment.from && first) to++;
  return to === segment.from ? undefined : slice(segment, segment.from, to);
}
