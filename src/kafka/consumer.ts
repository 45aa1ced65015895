// Reads topics in the name of a group: the partitions that are ours, each at its own pace, one call in hand a
// partition, committed before the next. Partitions come and go while others join and leave.

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { FeedPosition, Log, RecordFeed, RecordHandler } from "../core/ports.ts";
import { Backoff } from "../ops/backoff.ts";
import { Cursor } from "./cursor.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { GroupMember, Rebalance, SESSION_MS, type TopicPartition } from "./group-member.ts";
import { EARLIEST, LATEST, offsetAt } from "./offsets.ts";

const HEARTBEAT_MS = SESSION_MS / 4;
/** How long what is in hand may take to end when partitions are given back; then it is aborted. */
const GRACE_MS = 5000;

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

  constructor(deps: Omit<FetcherDeps, "channel">, options: ConsumerOptions) {
    this.#deps = { ...deps, channel: `fetch-${options.group}` };
    this.#log = deps.log;
    this.#options = options;
    this.#member = new GroupMember(deps.cluster, deps.log, {
      group: options.group,
      topics: options.topics,
      partitionsOf: async (topic) =>
        (await deps.metadata.resolve(topic, Date.now() + 5000)).partitions.length,
    });
  }

  get positions(): readonly FeedPosition[] {
    return this.#cursors.map(({ state }) => state);
  }
  get trouble(): string | undefined {
    return this.#trouble;
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
      }
    }
    await this.#member.leave();
  }

  /** From one sharing out of the partitions to the next. */
  async #session(handler: RecordHandler, signal: AbortSignal, well: () => void): Promise<void> {
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
    const beating = this.#beat(given.signal).catch(end);
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

  /** One partition, record after record. */
  async #read(cursor: Cursor, handler: RecordHandler, ended: AbortSignal, given: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        await cursor.ready(ended);
      } catch (error) {
        if (ended.aborted) return;
        throw error;
      }
      if (cursor.lost) await this.#find(cursor);
      else {
        const taken = await handler(cursor.records, given);
        cursor.take(taken);
        await this.#member.commit(new Map([[cursor, cursor.position]]));
      }
    }
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

  async #beat(signal: AbortSignal): Promise<void> {
    const count = (): number =>
      this.#options.topics.reduce(
        (sum, topic) => sum + (this.#deps.metadata.get(topic)?.partitions.length ?? 0),
        0,
      );
    const before = count();
    while (!signal.aborted) {
      await delay(HEARTBEAT_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#member.heartbeat();
      if (count() > before && before > 0) throw new Rebalance("partitions were added");
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
