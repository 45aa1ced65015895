// The queue of a lane: holds its pending segments in order, and counts the bytes that are pending or in flight.

import { elementAt } from "../../core/element.ts";
import type { OnrampError } from "../../core/errors.ts";
import { BATCH_OVERHEAD, recordSizeBound } from "../../wire/record-batch.ts";
import { type Segment, settleFailed, slice } from "./segment.ts";

/**
 * Taken segments stay in the array until there are more of them than this, because a removal copies the rest.
 */
const COMPACT_AT = 32;

/** A first-in-first-out queue of segments, from which the segments of a batch are taken together. */
export class SegmentQueue {
  /** Bytes of the segments that are in the queue, or taken and not yet released. */
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

  /**
   * Takes the segments of the next batch: as many records as fit into `maxBytes`, and at least one. A segment that is
   * `alone` is taken without others.
   */
  take(maxBytes: number): Segment[] {
    const taken: Segment[] = [];
    let room = maxBytes - BATCH_OVERHEAD;
    while (!this.empty) {
      const next = this.#segments[this.#head] as Segment;
      if (taken.length > 0 && (next.alone || taken[0]?.alone)) break;
      const head = partThatFits(next, room, taken.length === 0);
      if (!head) break;
      taken.push(head);
      room -= head.size;
      if (head.to < next.to) {
        this.#segments[this.#head] = slice(next, head.to, next.to);
        break;
      }
      this.#head++;
    }
    // Under steady load the queue is never empty, so the taken segments would otherwise never be garbage-collected.
    if (this.empty || this.#head > COMPACT_AT) {
      this.#segments = this.#segments.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  /** Puts taken segments back at the head, in order. Segments whose callers have been answered are released. */
  giveBack(segments: readonly Segment[]): void {
    const unanswered: Segment[] = [];
    for (const segment of segments) {
      if (segment.answered) this.bytes -= segment.size;
      else unanswered.push(segment);
    }
    this.#segments = unanswered.concat(this.#segments.slice(this.#head));
    this.#head = 0;
  }

  /** Releases taken segments whose callers have been answered. */
  release(segments: readonly Segment[]): void {
    for (const segment of segments) this.bytes -= segment.size;
  }

  /** Fails the segments in the queue whose deadline has passed. */
  expire(now: number, error: () => OnrampError): void {
    for (let n = this.#head; n < this.#segments.length; n++) {
      if ((this.#segments[n] as Segment).deadline <= now) return this.fail(error(), now);
    }
  }

  /**
   * Fails the segments in the queue whose deadline is `until` or earlier (default: all). They were not sent.
   */
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

/** Returns the part of a segment that fits into `room` bytes; at least one record when it is the first of the batch. */
function partThatFits(segment: Segment, room: number, first: boolean): Segment | undefined {
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
