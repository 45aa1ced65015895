// Reads topics in the name of a group: the partitions that are ours, each at its own pace, one call in hand a
// partition, committed before the next. Partitions come and go while others join and leave.

import { once, setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Backoff } from "../../core/backoff.ts";
import { OnrampError } from "../../core/errors.ts";
import type { FeedPosition, Log, RecordFeed, RecordHandler } from "../../core/ports.ts";
import { EARLIEST, offsetAt } from "../client/list-offsets.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { GroupMember, Rebalance, SESSION_MS, type Share } from "./group-member.ts";
import { beginnings } from "./initial-offsets.ts";
import { Cursor } from "./partition-reader.ts";

const HEARTBEAT_MS = SESSION_MS / 4;
/** How long what is in hand may take to end when partitions are given back; then it is aborted. */
const GRACE_MS = 5000;
const UNREADABLE_MS = 10_000;
const RESOLVE_MS = 5000;
const BEGIN_MS = 100;
const UNKNOWN_TOPIC = 40401;

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a group without a committed offset starts. */
  readonly from: "latest" | "earliest";
}

/** `RecordFeed` on a Kafka consumer group. */
export class Consumer implements RecordFeed {
  readonly #deps: FetcherDeps;
  readonly #log: Log;
  readonly #options: ConsumerOptions;
  readonly #member: GroupMember;
  #cursors: readonly Cursor[] = [];
  #trouble: string | undefined = "not joined yet";
  /** Topics that were not there when the partitions were shared out. */
  readonly #absent = new Set<string>();
  /** Partitions that can't be read or committed, and why. */
  readonly #unread = new Map<Cursor, string>();

  constructor(deps: Omit<FetcherDeps, "channel">, options: ConsumerOptions) {
    this.#deps = { ...deps, channel: `fetch-${options.group}` };
    this.#log = deps.log;
    this.#options = options;
    this.#member = new GroupMember(deps.cluster, deps.log, {
      group: options.group,
      topics: options.topics,
      partitionsOf: (topic) => this.#partitionsOf(topic),
    });
  }

  get positions(): readonly FeedPosition[] {
    return this.#cursors.map(({ state }) => state);
  }
  get trouble(): string | undefined {
    return this.#trouble ?? [...this.#unread.values()][0];
  }

  async run(handler: RecordHandler, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(200, 10_000);
    while (!signal.aborted) {
      try {
        await this.#session(handler, signal, () => {
          this.#trouble = undefined;
          backoff.reset();
        });
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof Rebalance) continue;
        this.#trouble = error instanceof Error ? error.message : String(error);
        this.#log.warn(
          { group: this.#options.group, reason: this.#trouble },
          "reading stopped; it will be tried again",
        );
        await delay(backoff.failed(Date.now()), undefined, { signal }).catch(() => {});
      } finally {
        this.#cursors = [];
        this.#unread.clear();
      }
    }
    await this.#member.leave();
  }

  /** From one sharing out of the partitions to the next. */
  async #session(handler: RecordHandler, signal: AbortSignal, well: () => void): Promise<void> {
    // Seen before the partitions are shared out: what appears from now on is noticed.
    const { topics } = this.#options;
    await Promise.allSettled(
      topics.map((topic) => this.#deps.metadata.resolve(topic, Date.now() + RESOLVE_MS)),
    );
    const seen = this.#seen();
    const share = await this.#member.join(signal);
    this.#cursors = await this.#start(share, signal);
    well();
    this.#log.debug({ group: this.#options.group, partitions: share.own.length }, "partitions assigned");
    const ended = new AbortController();
    const given = new AbortController();
    // Every partition listens, to each.
    setMaxListeners(0, ended.signal, given.signal);
    const fetcher = new Fetcher(this.#deps, this.#cursors);
    const failures: unknown[] = [];
    const end = (error?: unknown): void => {
      if (error !== undefined) failures.push(error);
      ended.abort();
    };
    const onStop = (): void => end();
    signal.addEventListener("abort", onStop);
    const partitions = this.#cursors.map((cursor) =>
      this.#read(cursor, handler, ended.signal, given.signal).catch(end),
    );
    const beating = this.#beat(given.signal, seen).catch(end);
    if (!ended.signal.aborted) await once(ended.signal, "abort");
    // What is in hand may end and be committed; membership is kept alive meanwhile, unless it was what ended.
    const late = setTimeout(() => given.abort(), GRACE_MS);
    await Promise.all(partitions);
    clearTimeout(late);
    given.abort();
    fetcher.stop();
    signal.removeEventListener("abort", onStop);
    await beating;
    const failure = failures.find((error) => !(error instanceof Rebalance)) ?? failures[0];
    if (failure !== undefined && !signal.aborted) throw failure;
  }

  /** Cursors where the group left off; where it never was, whoever shared the partitions out says where to begin. */
  async #start({ own, all }: Share, signal: AbortSignal): Promise<Cursor[]> {
    if (all) {
      const whole = (topic: string): boolean => this.#options.from === "earliest" || this.#absent.has(topic);
      const first = await beginnings(this.#deps, all, await this.#member.committed(all), whole);
      if (first.size > 0) await this.#member.commit(first);
    }
    for (const deadline = Date.now() + RESOLVE_MS; ; await delay(BEGIN_MS, undefined, { signal })) {
      const committed = await this.#member.committed(own);
      if (own.every((place) => (committed.get(place) ?? -1) >= 0))
        return own.map(
          (place) => new Cursor(place.topic, place.partition, committed.get(place) ?? Number.NaN),
        );
      if (Date.now() > deadline) throw new Rebalance("nobody has said where to begin");
    }
  }

  /** One partition, record after record; what can't be read keeps to itself, and is tried again. */
  async #read(cursor: Cursor, handler: RecordHandler, ended: AbortSignal, given: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        await cursor.ready(ended).catch((error: unknown) => this.#unreadable(cursor, error, ended));
        if (cursor.lost) await this.#find(cursor);
        else if (cursor.records.length > 0) {
          const taken = await handler(cursor.records, ended, given);
          cursor.take(taken);
          await this.#commit(cursor, ended);
        }
      } catch (error) {
        if (!ended.aborted) throw error;
      }
    }
  }

  /** Again and again, for as long as the partition is ours: without it the record would be delivered again. */
  async #commit(cursor: Cursor, ended: AbortSignal): Promise<void> {
    const backoff = new Backoff(200, 10_000);
    for (;;) {
      try {
        await this.#member.commit(new Map([[cursor, cursor.position]]));
        this.#unread.delete(cursor);
        return;
      } catch (error) {
        if (error instanceof Rebalance || ended.aborted) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        this.#unread.set(cursor, reason);
        this.#log.warn(
          { group: this.#options.group, reason },
          "offset not committed; it will be tried again",
        );
        await delay(backoff.failed(Date.now()), undefined, { signal: ended });
      }
    }
  }

  async #unreadable(cursor: Cursor, error: unknown, ended: AbortSignal): Promise<void> {
    ended.throwIfAborted();
    const { topic, partition, position } = cursor;
    const reason = error instanceof Error ? error.message : String(error);
    this.#unread.set(cursor, `${topic}/${partition} can't be read at offset ${position}: ${reason}`);
    this.#log.error(
      { group: this.#options.group, topic, partition, offset: position, reason },
      "a partition can't be read; it will be tried again, and others go on",
    );
    await delay(UNREADABLE_MS, undefined, { signal: ended });
    cursor.seek(position);
  }

  /** The committed offset is gone: retention has removed it, or the topic was made anew. */
  async #find(cursor: Cursor): Promise<void> {
    const start = await offsetAt(this.#deps, cursor, EARLIEST);
    const { topic, partition, position } = cursor;
    this.#log.warn(
      { group: this.#options.group, topic, partition, from: position, to: start },
      position < start
        ? "records were removed by retention before they were read"
        : "the partition ends before what was read already: truncated, or made anew; reading it from its start",
    );
    cursor.seek(start);
  }

  /** None of a topic that does not exist: the others are read all the same. */
  async #partitionsOf(topic: string): Promise<number> {
    try {
      return (await this.#deps.metadata.resolve(topic, Date.now() + RESOLVE_MS)).partitions.length;
    } catch (error) {
      if (!(error instanceof OnrampError && error.code === UNKNOWN_TOPIC)) throw error;
      this.#absent.add(topic);
      this.#log.warn({ group: this.#options.group, topic }, "the topic does not exist; read once it does");
      return 0;
    }
  }

  /** Partitions that the topics have, as last seen. */
  #seen(): number {
    const { metadata } = this.#deps;
    return this.#options.topics.reduce(
      (sum, topic) => sum + (metadata.get(topic)?.partitions.length ?? 0),
      0,
    );
  }

  async #beat(signal: AbortSignal, seen: number): Promise<void> {
    const { metadata } = this.#deps;
    while (!signal.aborted) {
      await delay(HEARTBEAT_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#member.heartbeat();
      metadata.refresh(this.#options.topics.filter((topic) => metadata.get(topic) === undefined));
      if (this.#seen() > seen) throw new Rebalance("partitions were added");
    }
  }
}
