// One run of a source that reads a stream: connects, and connects again after the last event when the connection ends.

import type { EventSourceMessage } from "eventsource-parser";
import type { AdapterContext } from "../../core/adapter.ts";
import { parsedValue } from "../../core/json-numbers.ts";
import { hashOf, KnownIds } from "../../core/known-ids.ts";
import { type Batch, type ReportProgress, type SourceDraft, SourceError } from "../../core/source.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import { type ApiCalls, type ApiRequest, headerValue } from "../parts/api-calls.ts";
import { type DraftRules, draftOf, hashOfItem, type IdentityRules } from "../parts/drafts.ts";
import { EventStream, type StreamLimits } from "./event-stream.ts";

export interface FeedCursor {
  /** The id of the last event; undefined when there was none. */
  readonly lastEventId?: string;
  /** The hashes of the last events, from the oldest to the newest. */
  readonly known?: string;
}

/** A connection that ends earlier, without an event, counts as a failure. In milliseconds. */
const MIN_CONNECTION_MS = 10_000;
/** The bounds of the time that a stream sets with `retry`, in milliseconds. */
const [MIN_RETRY_MS, MAX_RETRY_MS] = [100, 3_600_000];
/** How often the source reports that it is alive, in milliseconds. */
const REPORT_MS = 1000;

/** The stream, compiled from the options. */
export interface Feed extends DraftRules, IdentityRules {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly events: readonly string[] | undefined;
  readonly first: string | undefined;
  readonly retryMs: number;
  readonly dedupe: number;
  readonly limits: StreamLimits;
}

/** One run of the source. */
export class FeedRun {
  readonly #feed: Feed;
  readonly #api: ApiCalls;
  readonly #context: AdapterContext;
  readonly #signal: AbortSignal;
  readonly #report: ReportProgress;
  readonly #known: KnownIds;
  #lastEventId: string | undefined;
  #retryMs: number;
  #hasWarned = false;
  /** The number of events since the last id. */
  #sinceId = 0;

  constructor(
    feed: Feed,
    api: ApiCalls,
    context: AdapterContext,
    { lastEventId, known }: FeedCursor,
    signal: AbortSignal,
    report: ReportProgress,
  ) {
    this.#feed = feed;
    this.#api = api;
    this.#context = context;
    this.#signal = signal;
    this.#report = report;
    this.#known = new KnownIds(known);
    this.#lastEventId = lastEventId ?? feed.first;
    this.#retryMs = feed.retryMs;
  }

  async *run(): AsyncGenerator<Batch<FeedCursor>, never> {
    for (;;) {
      const openedAt = Date.now();
      const events = await this.#open();
      this.#sinceId = 0;
      let count = 0;
      try {
        for (;;) {
          const batch = await events.next(this.#signal);
          if (batch.length === 0) break;
          count += batch.length;
          yield await this.#batchOf(batch);
        }
      } finally {
        const { retryMs = this.#retryMs } = events;
        this.#retryMs = Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, retryMs));
        events.close();
      }
      if (count === 0 && Date.now() - openedAt < MIN_CONNECTION_MS)
        throw new SourceError("passing", `${this.#name} ended the connection without an event`);
      this.#report({ nextRunAt: this.#context.now() + this.#retryMs });
      await this.#context.sleep(this.#retryMs, this.#signal);
      this.#report({ nextRunAt: undefined });
    }
  }

  get #name(): string {
    return this.#api.nameOf(this.#feed);
  }

  async #open(): Promise<EventStream> {
    const request: ApiRequest = {
      url: this.#feed.url,
      method: "GET",
      headers: {
        accept: "text/event-stream",
        "cache-control": "no-cache",
        ...this.#feed.headers,
        ...(this.#lastEventId === undefined ? {} : { "last-event-id": headerValue(this.#lastEventId) }),
      },
      body: "",
    };
    let answer = await this.#api.open(request, this.#signal);
    if (answer.status === 401 && (await this.#api.renewToken())) {
      answer.stream.destroy();
      answer = await this.#api.open(request, this.#signal);
    }
    const { status, headers, stream } = answer;
    const type = headers["content-type"] ?? "";
    if (status === 200 && /^text\/event-stream\b/i.test(type)) {
      let reportedAt = 0;
      const onData = (): void => {
        if (Date.now() - reportedAt < REPORT_MS) return;
        reportedAt = Date.now();
        this.#report();
      };
      return new EventStream(stream, this.#feed.limits, onData);
    }
    stream.on("error", () => {}).destroy();
    if (status === 204)
      throw new SourceError(
        "blocked",
        `${this.#name} answered 204: it tells clients not to connect again. Check the URL, or remove the source`,
      );
    if (status !== 200) throw this.#api.statusError(request, answer);
    throw new SourceError(
      "blocked",
      `${this.#name} answered with a content type other than text/event-stream; check the URL`,
    );
  }

  async #batchOf(events: readonly EventSourceMessage[]): Promise<Batch<FeedCursor>> {
    const drafts: SourceDraft[] = [];
    for (const event of events) {
      await yieldToEventLoop();
      this.#setPosition(event.id);
      if (this.#feed.events && !this.#feed.events.includes(event.event ?? "message")) continue;
      const draft = await this.#draftOf(event);
      if (draft) drafts.push(draft);
    }
    this.#known.keepNewest(this.#feed.dedupe);
    if (this.#lastEventId === undefined) this.#warn();
    return {
      drafts,
      cursor: {
        ...(this.#lastEventId === undefined ? {} : { lastEventId: this.#lastEventId }),
        ...(this.#known.size === 0 ? {} : { known: this.#known.toString() }),
      },
    };
  }

  /** An id that a header cannot contain could not be sent back. An empty one resets the position. */
  #setPosition(id: string | undefined): void {
    this.#sinceId = id === undefined ? this.#sinceId + 1 : 0;
    if (id === undefined || hasControl(id)) return;
    this.#lastEventId = id === "" ? undefined : id;
  }

  /** @returns undefined for an event that is known */
  async #draftOf({ id, data }: EventSourceMessage): Promise<SourceDraft | undefined> {
    const value = Buffer.from(data);
    const parsed = parsedValue(value);
    const own = await hashOfItem(this.#feed, value, parsed);
    // Several events may share an id. After a cut, a server repeats the events without an id that follow the last id.
    const position = id ?? (this.#lastEventId && `${this.#lastEventId}\n${this.#sinceId}`);
    const hash = own?.hash ?? (position === undefined ? undefined : hashOf(`${position}\n${data}`));
    if (hash !== undefined) {
      if (this.#known.has(hash)) return undefined;
      this.#known.add(hash);
    }
    return draftOf(this.#feed, value, parsed, own?.fault);
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#context.log.warn(
      { source: this.#context.name },
      "the stream has no event ids: events that it sends while Onramp is not connected are lost",
    );
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
const hasControl = (id: string): boolean => /[\0-\x08\x0a-\x1f\x7f]/.test(id);
