// Reads topics in the name of a group: the partitions that are ours, each at its own pace, one call in hand a
// partition, committed before the next. Partitions come and go while others join and leave.

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { OnrampError } from "../core/errors.ts";
import type { FeedPosition, Log, RecordFeed, RecordHandler } from "../core/ports.ts";
import { Backoff } from "../ops/backoff.ts";
import { Cursor } from "./cursor.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { GroupMember, Rebalance, SESSION_MS, type TopicPartition } from "./group-member.ts";
import { EARLIEST, LATEST, offsetAt } from "./offsets.ts";

const HEARTBEAT_MS = SESSION_MS / 4;
/** How long what is in hand may take to end when partitions are given back; then it is aborted. */
const GRACE_MS = 5000;
const UNREADABLE_MS = 10_000;
const RESOLVE_MS = 5000;
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
  /** Partitions that can't be read, and why. */
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
        backoff.failed(Date.now());
        await delay(backoff.waitMs(Date.now()), undefined, { signal }).catch(() => {});
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
    this.#cursors = await this.#start(share);
    well();
    this.#log.debug({ group: this.#options.group, partitions: share.length }, "partitions assigned");
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
    await aborted(ended.signal);
    // What is in hand may end and be committed; membership is kept alive meanwhile.
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

  /** Cursors where the group left off; where it never was, `from` decides, and is committed so that it stays. */
  async #start(share: readonly TopicPartition[]): Promise<Cursor[]> {
    const committed = await this.#member.committed(share);
    const first = new Map<TopicPartition, number>();
    for (const place of share) {
      if ((committed.get(place) ?? -1) >= 0) continue;
      first.set(
        place,
        await offsetAt(this.#deps, place, this.#options.from === "latest" ? LATEST : EARLIEST),
      );
    }
    if (first.size > 0) await this.#member.commit(first);
    return share.map(
      (place) => new Cursor(place.topic, place.partition, first.get(place) ?? committed.get(place) ?? 0),
    );
  }

  /** One partition, record after record; what can't be read keeps to itself, and is tried again. */
  async #read(cursor: Cursor, handler: RecordHandler, ended: AbortSignal, given: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        await cursor.ready(ended).catch((error: unknown) => this.#unreadable(cursor, error, ended));
        if (cursor.lost) await this.#find(cursor);
        else if (cursor.records.length > 0) {
          this.#unread.delete(cursor);
          const taken = await handler(cursor.records, ended, given);
          cursor.take(taken);
          await this.#member.commit(new Map([[cursor, cursor.position]]));
        }
      } catch (error) {
        if (!ended.aborted) throw error;
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
