// Reads topics for streams of events: follows their ends with one fetcher for all topics, finds offsets, compares positions
// with the log, and reads ranges.

import {
  type FollowedTopic,
  type PartitionOffset,
  type PartitionRange,
  RangeFailure,
  type RangeHandler,
  type TailListener,
  type TopicTails,
} from "../../core/live.ts";
import type { Log } from "../../core/ports.ts";
import { untilDeadline } from "../../core/time.ts";
import {
  EARLIEST,
  LATEST,
  type ListedOffset,
  listOffsetsWithin,
  READ_COMMITTED,
  READ_UNCOMMITTED,
} from "../client/list-offsets.ts";
import type { TopicState } from "../client/metadata.ts";
import { groupBy } from "../client/topic-partition.ts";
import { BlockedReasons } from "./blocked-reasons.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { PartitionReader } from "./partition-reader.ts";
import { RangeUnreadable, readRange } from "./read-range.ts";
import { TopicTail } from "./topic-tail.ts";
import { endsOfEpochs } from "./validate-epochs.ts";

/** How long the metadata of a topic may take, in milliseconds. */
const RESOLVE_MS = 5000;
/** How long a request waits for new metadata of a topic that is known, in milliseconds. */
const FRESH_MS = 500;
/** How long a request waits for the offsets of partitions, in milliseconds. The missing ones are found later. */
const OFFSETS_MS = 1000;
/** How long a partition without a leader delays the read of a range, in milliseconds. */
const PATIENCE_MS = 2000;
/** The interval at which blocked partitions are logged, in milliseconds. */
const LOG_MS = 1000;
/** Time for the network, in addition to the time-out of a request. */
const NETWORK_MS = 1000;

/** The `TopicTails` that reads from Kafka. */
export class KafkaTopicTails implements TopicTails {
  readonly #deps: Omit<FetcherDeps, "channel"> & { readonly log: Log };
  readonly #fetcher: Fetcher;
  readonly #blockedReasons: BlockedReasons;
  #logging: NodeJS.Timeout | undefined;

  constructor(deps: Omit<FetcherDeps, "channel">) {
    this.#deps = deps;
    this.#fetcher = new Fetcher({ ...deps, channel: "live" });
    this.#blockedReasons = new BlockedReasons(deps.log, { reader: "events" });
  }

  /** The number of partitions that cannot be followed now. */
  get blocked(): number {
    return this.#blockedReasons.blocked;
  }

  stop(): void {
    clearInterval(this.#logging);
    this.#fetcher.stop();
  }

  async follow(topic: string, listener: TailListener, signal: AbortSignal): Promise<FollowedTopic> {
    this.#logging ??= setInterval(() => this.#blockedReasons.logChanges(), LOG_MS).unref();
    const { metadata } = this.#deps;
    const known = metadata.get(topic);
    // What is known may be a minute old, and the topic recreated since.
    const state = known
      ? ((await this.#read(topic)) ?? known)
      : await metadata.resolve(topic, Date.now() + RESOLVE_MS);
    const deps = { ...this.#deps, fetcher: this.#fetcher, blockedReasons: this.#blockedReasons };
    return new TopicTail(deps, topic, listener, signal).start(state, OFFSETS_MS);
  }

  async current(topic: string) {
    const state = await this.#read(topic);
    return state && { id: state.id, partitionCount: state.partitions.length };
  }

  /** Reads the metadata of a topic. @returns undefined without an answer in time, and for a topic that does not exist */
  async #read(topic: string): Promise<TopicState | undefined> {
    const reading = this.#deps.metadata.read([topic]);
    const found = await untilDeadline(reading, Date.now() + FRESH_MS, "no answer in time").catch(
      () => undefined,
    );
    const state = found?.get(topic);
    return typeof state === "object" ? state : undefined;
  }

  async offsets(
    topic: string,
    partitions: readonly number[],
    at: "earliest" | number,
  ): Promise<ReadonlyMap<number, PartitionOffset>> {
    return this.#list(topic, partitions, at === "earliest" ? EARLIEST : at, READ_COMMITTED);
  }

  async truncations(topic: string, positions: ReadonlyMap<number, PartitionOffset>) {
    const { metadata } = this.#deps;
    const truncated = new Map<number, PartitionOffset>();
    const unknown = new Set(positions.keys());
    // An election may have happened since the metadata was read.
    const state = (await metadata.read([topic]).catch(() => undefined))?.get(topic);
    if (typeof state !== "object") return { truncated, unknown };
    const older = [...positions].filter(
      ([partition, { epoch }]) => epoch >= 0 && epoch < (state.partitions[partition]?.leaderEpoch ?? -1),
    );
    const { ends, failed } = await this.#endsOfEpochs(topic, state.id, older);
    const lasts = await this.#list(topic, [...positions.keys()], LATEST, READ_UNCOMMITTED);
    for (const [partition, { offset, epoch }] of positions) {
      const [end, last] = [ends.get(partition), lasts.get(partition)];
      if (last === undefined || failed.has(partition)) continue;
      unknown.delete(partition);
      // Without topic ids, an epoch that the log does not have is the only sign of a recreated topic.
      const isNewer = state.id === undefined && epoch > (state.partitions[partition]?.leaderEpoch ?? epoch);
      if (end && end.offset < offset) truncated.set(partition, end);
      else if (isNewer) truncated.set(partition, { offset: 0, epoch: -1 });
      else if (last.offset < offset) truncated.set(partition, { offset: last.offset, epoch: -1 });
    }
    return { truncated, unknown };
  }

  async read(
    topic: string,
    topicId: string | undefined,
    ranges: readonly PartitionRange[],
    handler: RangeHandler,
    signal: AbortSignal,
  ): Promise<void> {
    const parts = ranges.map(({ partition, from: { offset, epoch }, to }) => ({
      topic,
      partition,
      from: offset,
      to,
      epoch,
      topicId,
    }));
    try {
      await readRange(
        this.#deps,
        parts,
        async (records, _stopping, _cancel, epoch) => {
          await handler(records[0]?.partition ?? 0, records, epoch);
          return records.length;
        },
        signal,
        PATIENCE_MS,
      );
    } catch (error) {
      if (!(error instanceof RangeUnreadable)) throw error;
      throw await this.#failureOf(topic, error);
    }
  }

  async #failureOf(topic: string, cause: RangeUnreadable): Promise<RangeFailure> {
    const { fault, partition, offset } = cause;
    if (fault.reason === "recreated" || fault.reason === "deleted")
      return new RangeFailure(partition, "recreated", { cause });
    if (fault.reason === "truncated")
      return new RangeFailure(partition, "truncated", {
        to: { offset: Math.min(fault.endOffset, offset), epoch: fault.epoch },
        cause,
      });
    if (fault.reason !== "out-of-range") return new RangeFailure(partition, "blocked", { cause });
    const first = (await this.#list(topic, [partition], EARLIEST, READ_UNCOMMITTED)).get(partition);
    const last = (await this.#list(topic, [partition], LATEST, READ_UNCOMMITTED)).get(partition);
    if (first && offset < first.offset)
      return new RangeFailure(partition, "gap", { to: { ...first, epoch: -1 }, cause });
    // The leader also refuses an offset of the log when it does not know the epoch of the position: the retry has no epoch.
    if (last)
      return new RangeFailure(partition, "truncated", {
        to: { offset: Math.min(offset, last.offset), epoch: -1 },
        cause,
      });
    return new RangeFailure(partition, "blocked", { cause });
  }

  /** Lists offsets. Partitions whose offset is not known after a second are absent. */
  async #list(
    topic: string,
    partitions: readonly number[],
    time: number,
    isolation: number,
  ): Promise<Map<number, ListedOffset>> {
    const places = partitions.map((partition) => ({ topic, partition }));
    const known = await listOffsetsWithin(this.#deps, places, time, isolation, OFFSETS_MS);
    return new Map([...known].map(([{ partition }, offset]) => [partition, offset]));
  }

  /** Asks the leaders where the epochs of positions end. An end is absent when the leader does not know the epoch. */
  async #endsOfEpochs(
    topic: string,
    topicId: string | undefined,
    positions: readonly (readonly [number, PartitionOffset])[],
  ) {
    const { cluster, metadata, log } = this.#deps;
    const leaders = metadata.get(topic)?.partitions ?? [];
    const ends = new Map<number, PartitionOffset>();
    const failed = new Set<number>();
    const ask = async (leader: number, own: typeof positions): Promise<void> => {
      if (leader < 0) throw new Error("the partition has no leader");
      const readers = own.map(([partition, at]) => new PartitionReader(topic, partition, { ...at, topicId }));
      const connection = await cluster.connection(leader, "offsets");
      const found = await endsOfEpochs(connection, readers, cluster.options.requestTimeoutMs + NETWORK_MS);
      for (const [{ partition }, { epoch, endOffset }] of found)
        ends.set(partition, { offset: endOffset, epoch });
    };
    await Promise.all(
      groupBy(positions, ([partition]) => leaders[partition]?.leader ?? -1).map(([leader, own]) =>
        ask(leader, own).catch((error: unknown) => {
          log.debug({ error, topic }, "positions can't be compared with the log now");
          for (const [partition] of own) failed.add(partition);
        }),
      ),
    );
    return { ends, failed };
  }
}
