// All streams of events of the process: opens them, sends their heartbeats, and ends them.

import { messageOf, OnrampError } from "../core/errors.ts";
import type { LiveStreams, OpenStream, StreamRequest, TopicTails } from "../core/live.ts";
import type { Log } from "../core/ports.ts";
import { untilDeadline } from "../core/time.ts";
import { Feeds } from "./feeds.ts";
import { Filters } from "./filters.ts";
import type { Hub } from "./hub.ts";
import { Hubs } from "./hubs.ts";
import { LogReadSlots } from "./log-read-slots.ts";
import { checkPosition, findPlaces } from "./opening.ts";
import type { Place } from "./place.ts";
import { checkPositionSize, type DecodedPosition, decodePosition } from "./position.ts";
import { RefusedStream } from "./refused-stream.ts";
import { RingMemory } from "./ring.ts";
import { Rounds } from "./rounds.ts";
import { EventStream } from "./stream.ts";
import type { Opened, StreamCounts } from "./stream-deps.ts";

/** How long a request with a position waits for Kafka before its stream opens, in milliseconds. */
const OPEN_MS = 1000;
const LATE = "the feed did not open in time";
/** The stream of a client that takes nothing for this time is ended, in milliseconds. */
const SLOW_MS = 60_000;
/** Reconnection times, in milliseconds: the minimum, and the range. At a stop, the range has at least 2 ms per client. */
const [RETRY_MS, RETRY_RANGE_MS, SPREAD_MS] = [2000, 3000, 2];
/** How many times per heartbeat interval the streams are checked, and the minimum interval of the checks in milliseconds. */
const [CHECKS, CHECK_MS] = [60, 50];
const STOPPING = "This process is stopping. Connect again; another replica answers.";

export interface StreamsOptions {
  /** `http.events.clients`. */
  readonly maxClients: number;
  /** `http.events.ring`, in bytes. */
  readonly ringBytes: number;
  /** `http.events.heartbeat`, in milliseconds. */
  readonly heartbeatMs: number;
}

/** The `LiveStreams` of the process. */
export class Streams implements LiveStreams {
  readonly filters = new Filters();
  readonly readSlots = new LogReadSlots();
  readonly memory: RingMemory;
  readonly hubs: Hubs;
  readonly counts: StreamCounts = { events: 0, bytes: 0, ringHits: 0, ringMisses: 0 };
  /** The streams that ended, by reason. */
  readonly ended = new Map<string, number>();
  readonly #tails: TopicTails;
  readonly #options: StreamsOptions;
  readonly #log: Log;
  readonly #rounds: Rounds;
  readonly #feeds: Feeds;
  readonly #streams = new Set<EventStream>();
  /** The streams that are being opened. */
  #opening = 0;
  #refusing: string | undefined;
  #stopped = false;
  #checks: NodeJS.Timeout | undefined;

  constructor(tails: TopicTails, options: StreamsOptions, log: Log) {
    this.#tails = tails;
    this.#options = options;
    this.#log = log;
    this.memory = new RingMemory(options.ringBytes);
    this.hubs = new Hubs(tails, this.memory, (hub) => this.#onLoss(hub));
    this.#rounds = new Rounds((feed, error) => {
      for (const stream of this.#streams) if (stream.feed === feed) stream.fail(error);
    });
    this.#feeds = new Feeds(this.hubs, this.filters, this.#rounds, this.counts);
  }

  /** The open streams. */
  get all(): ReadonlySet<EventStream> {
    return this.#streams;
  }

  async open(request: StreamRequest): Promise<OpenStream> {
    const { position: text } = request.start;
    const position = text === undefined ? undefined : decodePosition(text);
    if (position) checkPosition(position, request);
    const refusal = this.#refusing ?? this.#fullReason;
    if (refusal !== undefined) return this.#refuse(request, refusal);
    this.#opening++;
    try {
      const opened = await this.#firstTry(request, position);
      // A stream that opens after the others were ended would delay the stop.
      if (!this.#stopped) return this.#add(request, position, opened);
      if (opened) this.#feeds.release(opened.feed);
      return this.#refuse(request, STOPPING);
    } finally {
      this.#opening--;
    }
  }

  /** Refuses new streams: the process is going to stop. */
  drain(): void {
    this.#refusing = STOPPING;
  }

  /** Ends all streams with a goodbye, and stops following topics. */
  stop(): void {
    this.drain();
    this.#stopped = true;
    clearInterval(this.#checks);
    const range = Math.max(RETRY_RANGE_MS, this.#streams.size * SPREAD_MS);
    for (const stream of [...this.#streams])
      stream.end(
        "stopping",
        "This process is stopping; another replica continues the stream.",
        RETRY_MS + Math.random() * range,
      );
    this.hubs.stop();
  }

  /** Opens the feed. @returns undefined when a request with a position gets a stream that waits for a temporary condition */
  async #firstTry(
    request: StreamRequest,
    position: DecodedPosition | undefined,
  ): Promise<Opened | undefined> {
    const opening = this.#openFeed(request, position);
    if (!position) return opening;
    try {
      return await untilDeadline(opening, Date.now() + OPEN_MS, LATE);
    } catch (error) {
      const isTemporary = error instanceof OnrampError ? error.status === 503 : messageOf(error) === LATE;
      if (!isTemporary) throw error;
      opening.then(
        ({ feed }) => this.#feeds.release(feed),
        () => {},
      );
      return undefined;
    }
  }

  async #openFeed(request: StreamRequest, position: DecodedPosition | undefined): Promise<Opened> {
    const feed = await this.#feeds.acquire(request);
    try {
      const found = await findPlaces(
        { tails: this.#tails, readSlots: this.readSlots },
        feed.hubs,
        request,
        position,
      );
      const places = found.map((place, index) => place ?? (feed.places[index] as Place).clone());
      // The positions grow on the way to the place of the feed.
      for (const each of [places, feed.places]) checkPositionSize(each, position !== undefined);
      const deleted = feed.hubs.find(({ isDeleted }) => isDeleted);
      if (deleted) throw new OnrampError(40401, `Topic "${deleted.topic}" was deleted.`);
      return { feed, places };
    } catch (error) {
      this.#feeds.release(feed);
      throw error;
    }
  }

  /** @throws OnrampError 50301 when the request has no position */
  #refuse(request: StreamRequest, reason: string): OpenStream {
    if (request.start.position === undefined) throw new OnrampError(50301, reason, { retryAfter: 5 });
    this.#count("refused");
    return new RefusedStream(request, reason, () => this.#retryMs());
  }

  #add(
    request: StreamRequest,
    position: DecodedPosition | undefined,
    opened: Opened | undefined,
  ): EventStream {
    const stream = new EventStream(
      {
        tails: this.#tails,
        readSlots: this.readSlots,
        counts: this.counts,
        log: this.#log,
        open: () => this.#openFeed(request, position),
        retryMs: () => this.#retryMs(),
        onLate: ({ feed }) => this.#feeds.release(feed),
        onEnded: (ended, reason) => this.#onEnded(ended, reason),
      },
      request,
      opened,
    );
    this.#streams.add(stream);
    // A random first heartbeat: otherwise the heartbeats of streams that open together would be sent together.
    stream.heartbeatAt = Date.now() + Math.random() * this.#options.heartbeatMs;
    this.#checks ??= setInterval(
      () => this.#check(),
      Math.max(CHECK_MS, this.#options.heartbeatMs / CHECKS),
    ).unref();
    return stream;
  }

  #check(): void {
    const now = Date.now();
    const { heartbeatMs } = this.#options;
    for (const stream of this.#streams) {
      if (stream.isBlocked && now - stream.tookAt > SLOW_MS)
        stream.end("slow", "The client took nothing for 60 s. Connect again with the id of this event.");
      if (now < stream.heartbeatAt) continue;
      stream.heartbeatAt += heartbeatMs * Math.ceil((now + 1 - stream.heartbeatAt) / heartbeatMs);
      stream.heartbeat();
    }
  }

  #onEnded(stream: EventStream, reason: string): void {
    this.#streams.delete(stream);
    this.#count(reason);
    if (stream.feed) this.#feeds.release(stream.feed);
  }

  /** Ends the streams whose topic, or partition, does not exist any more. */
  #onLoss(hub: Hub): void {
    for (const stream of [...this.#streams]) {
      if (!stream.feed?.hubs.includes(hub)) continue;
      const { partition } = stream.request;
      if (hub.isDeleted) stream.end("deleted", `Topic "${hub.topic}" was deleted.`);
      else if (partition !== undefined && partition >= hub.partitionCount)
        stream.end("deleted", `Topic "${hub.topic}" was recreated without partition ${partition}.`);
    }
  }

  #count(reason: string): void {
    this.ended.set(reason, (this.ended.get(reason) ?? 0) + 1);
  }

  get #fullReason(): string | undefined {
    const { maxClients } = this.#options;
    if (this.#streams.size + this.#opening < maxClients) return undefined;
    return `This process serves ${maxClients} streams already (http.events.clients). Try again later, or add replicas.`;
  }

  #retryMs(): number {
    return Math.round(RETRY_MS + Math.random() * RETRY_RANGE_MS);
  }
}
