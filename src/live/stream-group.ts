// The streams of a feed with the same key and format. All of them get the same bytes.

import type { EventFormat } from "../core/live.ts";
import type { EventBytes } from "./event-bytes.ts";
import type { EventStream } from "./stream.ts";

/** Streams that get the same bytes, and the bytes of the current round. */
export class StreamGroup {
  readonly format: EventFormat;
  readonly streams = new Set<EventStream>();
  #parts: Buffer[] = [];
  #events = 0;
  #bytes = 0;

  constructor(format: EventFormat) {
    this.format = format;
  }

  /** Adds events to the round. @returns the bytes of the round so far */
  add({ bytes, events }: EventBytes): number {
    this.#parts.push(bytes);
    this.#events += events;
    this.#bytes += bytes.length;
    return this.#bytes;
  }

  /** Returns the events of the round, and begins the next one. */
  take(): EventBytes {
    const [parts, events] = [this.#parts, this.#events];
    this.#parts = [];
    this.#events = 0;
    this.#bytes = 0;
    return { bytes: parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), events };
  }
}
