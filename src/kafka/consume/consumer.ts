// Reads topics in the name of a group: the partitions that are ours, each at its own pace, one call in hand a
// partition, committed before the next. Partitions come and go while others join and leave.

import { once, setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { OnrampError } from "../../core/errors.ts";
import type { FeedPosition, Log, RecordFeed, RecordHandler } from "../../core/ports.ts";
import { Backoff } from "../../core/time.ts";
import { EARLIEST, offsetAt } from "../client/list-offsets.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { type GroupAssignment, GroupMember, Rebalance, SESSION_MS } from "./group-member.ts";
import { initialOffsets } from "./initial-offsets.ts";
import { PartitionReader } from "./partition-reader.ts";

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
  #readers: readonly PartitionReader[] = [];
  #trouble: string | undefined = "not joined yet";
  /** Topics that were not there when the partitions were shared out. */
  readonly #absent = new Set<string>();
  /** Partitions that can't be read or committed, and why. */
  readonly #unread = new Map<PartitionReader, string>();

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
    return this.#readers.map(({ state }) => state);
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
        await delay(backoff.next(Date.now()), undefined, { signal }).catch(() => {});
      } finally {
        this.#readers = [];
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
    this.#readers = await this.#start(share, signal);
    well();
    this.#log.debug({ group: this.#options.group, partitions: share.own.length }, "partitions assigned");
    const stopping = new AbortController();
    const cancel = new AbortController();
    // Every partition listens, to each.
    setMaxListeners(0, stopping.signal, cancel.signal);
    const fetcher = new Fetcher(this.#deps, this.#readers);
    const failures: unknown[] = [];
    const end = (error?: unknown): void => {
      if (error !== undefined) failures.push(error);
      stopping.abort();
    };
    const onStop = (): void => end();
    signal.addEventListener("abort", onStop);
    const partitions = this.#readers.map((reader) =>
      this.#read(reader, handler, stopping.signal, cancel.signal).catch(end),
    );
    const beating = this.#beat(cancel.signal, seen).catch(end);
    if (!stopping.signal.aborted) await once(stopping.signal, "abort");
    // What is in hand may end and be committed; membership is kept alive meanwhile, unless it was what stopping.
    const late = setTimeout(() => cancel.abort(), GRACE_MS);
    await Promise.all(partitions);
    clearTimeout(late);
    cancel.abort();
    fetcher.stop();
    signal.removeEventListener("abort", onStop);
    await beating;
    const failure = failures.find((error) => !(error instanceof Rebalance)) ?? failures[0];
    if (failure !== undefined && !signal.aborted) throw failure;
  }

  /** Cursors where the group left off; where it never was, whoever shared the partitions out says where to begin. */
  async #start({ own, all }: GroupAssignment, signal: AbortSignal): Promise<PartitionReader[]> {
    if (all) {
      const whole = (topic: string): boolean => this.#options.from === "earliest" || this.#absent.has(topic);
      const first = await initialOffsets(this.#deps, all, await this.#member.committed(all), whole);
      if (first.size > 0) await this.#member.commit(first);
    }
    for (const deadline = Date.now() + RESOLVE_MS; ; await delay(BEGIN_MS, undefined, { signal })) {
      const committed = await this.#member.committed(own);
      if (own.every((place) => (committed.get(place) ?? -1) >= 0))
        return own.map(
          (place) => new PartitionReader(place.topic, place.partition, committed.get(place) ?? Number.NaN),
        );
      if (Date.now() > deadline) throw new Rebalance("nobody has said where to begin");
    }
  }

  /** One partition, record after record; what can't be read keeps to itself, and is tried again. */
  async #read(
    reader: PartitionReader,
    handler: RecordHandler,
    stopping: AbortSignal,
    cancel: AbortSignal,
  ): Promise<void> {
    while (!stopping.aborted) {
      try {
        await reader.ready(stopping).catch((error: unknown) => this.#unreadable(reader, error, stopping));
        if (reader.outOfRange) await this.#find(reader);
        else if (reader.records.length > 0) {
          const taken = await handler(reader.records, stopping, cancel);
          reader.take(taken);
          await this.#commit(reader, stopping);
        }
      } catch (error) {
        if (!stopping.aborted) throw error;
      }
    }
  }

  /** Again and again, for as long as the partition is ours: without it the record would be delivered again. */
  async #commit(reader: PartitionReader, stopping: AbortSignal): Promise<void> {
    const backoff = new Backoff(200, 10_000);
    for (;;) {
      try {
        await this.#member.commit(new Map([[reader, reader.position]]));
        this.#unread.delete(reader);
        return;
      } catch (error) {
        if (error instanceof Rebalance || stopping.aborted) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        this.#unread.set(reader, reason);
        this.#log.warn(
          { group: this.#options.group, reason },
          "offset not committed; it will be tried again",
        );
        await delay(backoff.next(Date.now()), undefined, { signal: stopping });
      }
    }
  }

  async #unreadable(reader: PartitionReader, error: unknown, stopping: AbortSignal): Promise<void> {
    stopping.throwIfAborted();
    const { topic, partition, position } = reader;
    const reason = error instanceof Error ? error.message : String(error);
    this.#unread.set(reader, `${topic}/${partition} can't be read at offset ${position}: ${reason}`);
    this.#log.error(
      { group: this.#options.group, topic, partition, offset: position, reason },
      "a partition can't be read; it will be tried again, and others go on",
    );
    await delay(UNREADABLE_MS, undefined, { signal: stopping });
    reader.seek(position);
  }

  /** The committed offset is gone: retention has removed it, or the topic was made anew. */
  async #find(reader: PartitionReader): Promise<void> {
    const start = await offsetAt(this.#deps, reader, EARLIEST);
    const { topic, partition, position } = reader;
    this.#log.warn(
      { group: this.#options.group, topic, partition, from: position, to: start },
      position < start
        ? "records were removed by retention before they were read"
        : "the partition ends before what was read already: truncated, or made anew; reading it from its start",
    );
    reader.seek(start);
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
