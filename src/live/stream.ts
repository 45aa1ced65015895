// One stream of events, from its first event to its end. At the place of its feed it has no place of its own; otherwise it
// reads the rings and the log, as fast as its client takes the events.

import { setTimeout as delay } from "node:timers/promises";
import { asOnrampError, OnrampError } from "../core/errors.ts";
import type { EventFormat, EventOutput, OpenStream, StreamRequest } from "../core/live.ts";
import { Backoff, nextTurn } from "../core/time.ts";
import { CatchUp } from "./catch-up.ts";
import { exactBuffer, keyName } from "./entry.ts";
import { type EventBytes, namedEvent } from "./event-bytes.ts";
import type { Feed } from "./feed.ts";
import { LogReader } from "./log-reader.ts";
import type { Opened, StreamCounts, StreamDeps } from "./stream-deps.ts";

/** The minimum and maximum pause before the stream is opened again, in milliseconds. */
const [REOPEN_MS, MAX_REOPEN_MS] = [500, 5000];

/** A stream of events. */
export class EventStream implements OpenStream {
  readonly request: StreamRequest;
  readonly keyName: string | undefined;
  /** When the next heartbeat is due, in milliseconds (`Date.now`). Set by `Streams`. */
  heartbeatAt = 0;
  /** When the stream left the place of its feed; undefined while it is there. */
  behindSince: number | undefined = Date.now();
  readonly #deps: StreamDeps;
  #opened: Opened | undefined;
  #output: EventOutput | undefined;
  #catchUp: CatchUp | undefined;
  #parts: Buffer[] = [];
  #cancel: AbortController | undefined;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  /** @param opened undefined in a temporary condition, such as an unreachable Kafka: the stream tries to open it later */
  constructor(deps: StreamDeps, request: StreamRequest, opened: Opened | undefined) {
    this.#deps = deps;
    this.request = request;
    this.keyName = request.key && keyName(request.key);
    this.#opened = opened;
  }

  get format(): EventFormat {
    return this.request.format;
  }
  get counts(): StreamCounts {
    return this.#deps.counts;
  }
  get feed(): Feed | undefined {
    return this.#opened?.feed;
  }
  get hasEnded(): boolean {
    return this.#ended;
  }
  get isBlocked(): boolean {
    return this.#output?.isBlocked ?? true;
  }
  /** When the client took bytes for the last time, in milliseconds (`Date.now`). */
  get tookAt(): number {
    return this.#output?.tookAt ?? Date.now();
  }

  get #position(): string {
    if (this.#catchUp) return this.#catchUp.position;
    return this.#opened?.feed.positionOf(this) ?? this.request.start.position ?? "";
  }

  start(output: EventOutput): void {
    this.#output = output;
    output.onDrain = () => this.wake();
    const opened = this.#opened;
    if (opened) this.#begin(opened);
    const { format } = this;
    const retry = exactBuffer(format.retry(this.#deps.retryMs()));
    const first = namedEvent(format, "position", {}, this.#position);
    this.write({ bytes: Buffer.concat([retry, first.bytes]), events: 0 });
    if (!opened) void this.#reopen();
    else if (!this.#join()) void this.#work();
  }

  close(): void {
    this.#end("closed");
  }

  end(reason: string, message: string, retryMs = this.#deps.retryMs()): void {
    if (this.#ended) return;
    const { format } = this;
    this.append({ bytes: exactBuffer(format.retry(retryMs)), events: 0 });
    this.append(namedEvent(format, "goodbye", { reason, message }, this.#position));
    this.flush();
    this.#output?.end();
    this.#end(reason);
  }

  /** Writes the position. */
  heartbeat(): void {
    if (this.isBlocked) return;
    this.append({ ...namedEvent(this.format, "position", {}, this.#position), events: 0 });
    this.flush();
  }

  /** Writes events. */
  write({ bytes, events }: EventBytes): void {
    if (this.#ended) return;
    this.#deps.counts.events += events;
    this.#deps.counts.bytes += bytes.length;
    this.#output?.write(bytes);
  }

  /** Adds events, which `flush` writes together. */
  append({ bytes, events }: EventBytes): void {
    this.#parts.push(bytes);
    this.#deps.counts.events += events;
  }

  flush(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    this.write({ bytes: parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), events: 0 });
  }

  /** Continues the stream if it waits for an event. */
  wake(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  /** Leaves the place of the feed, because the client is slow or the ring has removed entries. */
  leaveFeed(): void {
    const { feed } = this;
    if (!feed || this.#catchUp) return;
    const { places, sequences } = feed.placesOf(this);
    this.#catchUp = new CatchUp(
      this,
      feed,
      places.map((place) => place.clone()),
      sequences,
    );
    this.behindSince = Date.now();
    feed.leave(this);
    void this.#work();
  }

  /** Waits until the client has taken everything. @returns false when it has not within `ms` */
  async untilTaken(ms: number): Promise<boolean> {
    const until = Date.now() + ms;
    while (this.isBlocked && !this.#ended && Date.now() < until) await this.#woken(until - Date.now());
    return !this.isBlocked;
  }

  #begin({ feed, places }: Opened): void {
    this.#catchUp = new CatchUp(this, feed, places);
  }

  /** Tries to open the stream until it succeeds, or fails permanently. */
  async #reopen(): Promise<void> {
    const backoff = new Backoff(REOPEN_MS, MAX_REOPEN_MS);
    while (!this.#opened && !this.#ended) {
      await delay(backoff.next(Date.now()));
      const opened = await this.#deps.open().catch(asOnrampError);
      if (opened instanceof OnrampError) {
        if (opened.status < 500) this.end("refused", opened.message);
        continue;
      }
      if (this.#ended) return this.#deps.onLate(opened);
      this.#opened = opened;
      this.#begin(opened);
      this.heartbeat();
      return this.#work();
    }
  }

  /** Joins the feed if the stream is at its place. */
  #join(): boolean {
    const { feed } = this;
    if (!feed || !this.#catchUp?.isComplete || this.isBlocked) return false;
    this.#catchUp = undefined;
    this.behindSince = undefined;
    feed.catchingUp.delete(this);
    feed.join(this);
    return true;
  }

  async #work(): Promise<void> {
    const [catchUp, feed] = [this.#catchUp, this.feed];
    if (!catchUp || !feed) return;
    this.#cancel = new AbortController();
    const log = new LogReader(this.#deps, this, catchUp, feed.filter);
    try {
      feed.catchingUp.add(this);
      while (!this.#ended) {
        if (this.isBlocked) await this.#woken();
        else if (await catchUp.step()) await nextTurn();
        else if (this.#join()) return;
        else if (!catchUp.isLagging || !(await log.read(this.#cancel.signal))) await this.#woken();
      }
    } catch (error) {
      if (!this.#ended) this.fail(error);
    }
  }

  /** Ends the stream after an error of its filter, or an unexpected one. */
  fail(error: unknown): void {
    const { code, message } = asOnrampError(error);
    if (code === 50301) return this.end("filter", message);
    this.#deps.log.error({ error }, "a stream of events failed");
    this.end("failed", "The stream failed unexpectedly; the log of Onramp has the reason. Connect again.");
  }

  /** Resolves at the next `wake`, or after `ms` milliseconds. */
  #woken(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = ms === undefined ? undefined : setTimeout(resume, ms);
      this.#waiting.add(resume);
    });
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancel?.abort();
    this.feed?.leave(this);
    this.wake();
    this.#deps.onEnded(this, reason);
  }
}
