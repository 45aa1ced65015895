// The contract between a stream and the other parts of `live/`.

import type { TopicTails } from "../core/live.ts";
import type { Log } from "../core/ports.ts";
import type { Feed } from "./feed.ts";
import type { LogReadSlots } from "./log-read-slots.ts";
import type { Place } from "./place.ts";
import type { EventStream } from "./stream.ts";

/** The feed of a stream, and where the stream begins. */
export interface Opened {
  readonly feed: Feed;
  readonly places: readonly Place[];
}

/** Counts what streams do. */
export interface StreamCounts {
  events: number;
  bytes: number;
  /** Batches that streams got from the ring, and from the log. */
  ringHits: number;
  ringMisses: number;
}

export interface StreamDeps {
  readonly tails: TopicTails;
  readonly readSlots: LogReadSlots;
  readonly log: Log;
  readonly counts: StreamCounts;
  /** Finds the feed and the places. Called again after temporary failures. @throws OnrampError */
  readonly open: () => Promise<Opened>;
  /** Returns a reconnection time, in milliseconds. */
  readonly retryMs: () => number;
  /** Called with the result of `open` when the stream has ended meanwhile. */
  readonly onLate: (opened: Opened) => void;
  /** Called once, when the stream has ended. */
  readonly onEnded: (stream: EventStream, reason: string) => void;
}
