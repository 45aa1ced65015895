// Fetches records for partition readers. Several requests per broker may be in flight, each on a connection of its own,
// so that a partition that needs records does not wait for a request about idle partitions.

import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../core/ports.ts";
import { NO_ID } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { Fetch, type FetchResponse } from "../../wire/messages/fetch.ts";
import type { Cluster } from "../client/cluster.ts";
import { BrokerRefused } from "../client/errors.ts";
import { READ_COMMITTED } from "../client/list-offsets.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { groupBy } from "../client/topic-partition.ts";
import { FETCH_SLOTS, FetchSlots, type Slot } from "./fetch-slots.ts";
import type { PartitionReader } from "./partition-reader.ts";
import { faultOf, NO_MEMORY } from "./position-fault.ts";
import type { ReadBudget, ReadShare } from "./read-budget.ts";
import { EpochValidator } from "./validate-epochs.ts";
import { WaitingReaders } from "./waiting-readers.ts";

/** The first versions of Fetch that report truncated positions (Kafka 2.7), and that address topics by id (Kafka 3.1). */
const [REPORTS_TRUNCATED, ADDRESSES_BY_ID] = [12, 13];
/** The limits of a response and of each partition in it, in bytes. A broker may exceed them by one large batch. */
const MAX_BYTES = 4 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;
/** Time for the network, in addition to the time that the broker may wait. */
const NETWORK_MS = 1000;
/** The pauses before a partition is fetched again, in milliseconds. */
const [UNREADABLE_MS, DENIED_MS, LOST_MS] = [10_000, 1000, 200] as const;

type Part = FetchResponse["topics"][number]["partitions"][number];

export interface FetcherDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly log: Log;
  /** Shared by all readers of the process. */
  readonly readBudget: ReadBudget;
  /** The name of the connections. They must not be shared, because a long poll delays all later requests. */
  readonly channel: string;
  /** The maximum wait of a request, in milliseconds. Default: see `FetchSlots`. */
  readonly waitMs?: number;
}

/** Fetches for a set of readers, until `stop`. */
export class Fetcher {
  readonly #deps: FetcherDeps;
  readonly #share: ReadShare;
  readonly #readers = new Set<PartitionReader>();
  /** Readers that need a fetch, in the order in which they were added, so that no partition starves. */
  readonly #pending = new Set<PartitionReader>();
  readonly #inFlight = new Set<PartitionReader>();
  readonly #waiting: WaitingReaders;
  readonly #slots: FetchSlots;
  readonly #validator: EpochValidator;
  #sendScheduled = false;
  #running = true;

  constructor(deps: FetcherDeps) {
    this.#deps = deps;
    this.#slots = new FetchSlots(deps.waitMs);
    this.#share = deps.readBudget.share(() => this.#scheduleSend());
    this.#validator = new EpochValidator(deps.metadata);
    this.#waiting = new WaitingReaders(deps.metadata, (reader) => this.#enqueue(reader));
  }

  /** Starts fetching for a reader. */
  add(reader: PartitionReader): void {
    this.#readers.add(reader);
    reader.attach(this.#share);
    reader.onNeedsFetch = () => this.#enqueue(reader);
    reader.onUnreadable = () => this.#waiting.pause(reader, UNREADABLE_MS);
    this.#enqueue(reader);
  }

  /** Stops fetching for a reader, and releases its memory. */
  remove(reader: PartitionReader): void {
    for (const set of [this.#readers, this.#pending, this.#waiting]) set.delete(reader);
    reader.onNeedsFetch = () => {};
    reader.onUnreadable = () => {};
    reader.detach();
  }

  /** Stops, and closes the connections. */
  stop(): void {
    this.#running = false;
    this.#waiting.clear();
    for (const reader of [...this.#readers]) this.remove(reader);
    this.#share.close();
    for (let slot = 0; slot < FETCH_SLOTS; slot++) this.#deps.cluster.closeChannel(this.#channel(slot));
  }

  #enqueue(reader: PartitionReader): void {
    if (!this.#readers.has(reader) || this.#inFlight.has(reader) || this.#waiting.has(reader)) return;
    if (reader.lostPosition || this.#pending.has(reader)) return;
    this.#pending.add(reader);
    this.#scheduleSend();
  }

  /** Readers that need a fetch at the same time share a request. */
  #scheduleSend(): void {
    if (this.#sendScheduled || this.#pending.size === 0) return;
    this.#sendScheduled = true;
    queueMicrotask(() => {
      this.#sendScheduled = false;
      if (this.#running) this.#sendRequests();
    });
  }

  #sendRequests(): void {
    if (!this.#share.mayFetch) {
      for (const reader of this.#pending) reader.report(NO_MEMORY);
      return;
    }
    const located = [...this.#pending].map((reader) => ({ reader, leader: this.#leaderOf(reader) }));
    for (const [broker, ready] of groupBy(located, ({ leader }) => leader)) {
      if (broker === undefined) continue;
      const slot = this.#slots.take(broker, Date.now());
      if (!slot) continue;
      const readers = ready.map(({ reader }) => reader);
      for (const reader of readers) {
        this.#pending.delete(reader);
        this.#inFlight.add(reader);
      }
      void this.#fetch(broker, slot, readers);
    }
  }

  /** Returns the leader of the reader's partition; undefined if there is none, or if the topic was recreated. */
  #leaderOf(reader: PartitionReader): number | undefined {
    const topic = this.#deps.metadata.get(reader.topic);
    const leader = topic?.partitions[reader.partition]?.leader ?? -1;
    const { topicId } = reader.fetchFrom;
    if (topic?.id !== undefined && topicId === undefined) reader.assumeTopicId(topic.id);
    const recreatedAs = topicId === undefined || topicId === topic?.id ? undefined : topic?.id;
    if (leader >= 0 && recreatedAs === undefined) return leader;
    this.#pending.delete(reader);
    if (recreatedAs === undefined) this.#waiting.waitForLeader(reader);
    else reader.report({ reason: "recreated", topicId: recreatedAs });
    return undefined;
  }

  async #fetch(broker: number, slot: Slot, readers: readonly PartitionReader[]): Promise<void> {
    const [positions, began] = [readers.map((reader) => reader.fetchFrom), Date.now()];
    const answers = await this.#ask(broker, slot, readers).catch((error: Error) => error);
    for (const reader of readers) this.#inFlight.delete(reader);
    if (!this.#running) return this.#slots.release(broker, slot);
    if (answers instanceof Error) this.#deps.log.debug({ error: answers }, "fetch failed");
    const idle: PartitionReader[] = [];
    for (const [n, reader] of readers.entries()) {
      if (!this.#readers.has(reader)) continue;
      // The owner has moved the reader, or its position was found to be lost.
      if (reader.fetchFrom !== positions[n] || reader.lostPosition) this.#enqueue(reader);
      else if (answers instanceof Error) {
        reader.report({ reason: "unavailable", detail: messageOf(answers) });
        this.#waiting.waitForLeader(reader, undefined, LOST_MS);
      } else if (this.#handleAnswer(reader, answers.get(reader))) idle.push(reader);
    }
    if (idle.length === readers.length) await delay(this.#slots.pauseAfter(broker, slot, began, Date.now()));
    this.#slots.release(broker, slot);
    for (const reader of idle) this.#enqueue(reader);
    this.#scheduleSend();
  }

  async #ask(
    broker: number,
    slot: Slot,
    readers: readonly PartitionReader[],
  ): Promise<Map<PartitionReader, Part>> {
    const { cluster } = this.#deps;
    const { requestTimeoutMs } = cluster.options;
    const connection = await cluster.connection(broker, this.#channel(slot.index));
    const byId = readers.every((reader) => reader.fetchFrom.topicId !== undefined);
    const version = connection.version(Fetch, byId ? ADDRESSES_BY_ID : ADDRESSES_BY_ID - 1);
    const timeoutMs = requestTimeoutMs + NETWORK_MS;
    if (version < REPORTS_TRUNCATED) await this.#validator.validate(connection, readers, timeoutMs);
    const topicKey = ({ topic, fetchFrom }: PartitionReader): string =>
      version >= ADDRESSES_BY_ID ? (fetchFrom.topicId ?? NO_ID) : topic;
    const request = {
      replicaId: -1,
      maxWaitMs: slot.waitMs,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      isolationLevel: READ_COMMITTED,
      sessionId: 0,
      sessionEpoch: -1,
      topics: groupBy(readers, topicKey).map(([key, own]) => ({
        name: key,
        topicId: key,
        partitions: own.map((reader) => this.#requestPart(reader, version)),
      })),
      forgotten: [],
      rackId: "",
    };
    const answer = await connection.request(Fetch, version, request, slot.waitMs + timeoutMs);
    if (answer.throttleTimeMs > 0) await delay(answer.throttleTimeMs, undefined, { ref: false });
    if (answer.errorCode !== KafkaCode.NONE) throw new BrokerRefused("fetching records", answer.errorCode);
    const byPlace = new Map(readers.map((reader) => [`${topicKey(reader)}/${reader.partition}`, reader]));
    const answers = new Map<PartitionReader, Part>();
    for (const { name, topicId, partitions } of answer.topics)
      for (const part of partitions) {
        const reader = byPlace.get(`${version >= ADDRESSES_BY_ID ? topicId : name}/${part.partition}`);
        if (reader) answers.set(reader, part);
      }
    return answers;
  }

  #requestPart(reader: PartitionReader, version: number) {
    const { offset, epoch } = reader.fetchFrom;
    return {
      partition: reader.partition,
      // With it, a broker before Kafka 2.7 returns an error after an election, and the position is validated again.
      currentLeaderEpoch: version < REPORTS_TRUNCATED ? this.#validator.leaderEpoch(reader) : -1,
      fetchOffset: offset,
      lastFetchedEpoch: epoch,
      logStartOffset: -1,
      partitionMaxBytes: PARTITION_BYTES,
    };
  }

  /** Passes the answer for one partition, if there is one, to its reader. @returns true when it needs another fetch */
  #handleAnswer(reader: PartitionReader, part: Part | undefined): boolean {
    if (part?.errorCode === KafkaCode.NONE) {
      const { divergingEpoch, records, abortedTransactions, lastStableOffset, highWatermark } = part;
      if (divergingEpoch.endOffset >= 0) {
        reader.report({ reason: "truncated", ...divergingEpoch });
        return false;
      }
      const [bytes, aborted] = [records ?? EMPTY, abortedTransactions ?? []];
      reader.accept({ bytes, aborted, end: lastStableOffset, highWatermark });
      return bytes.length === 0;
    }
    const code = part?.errorCode ?? KafkaCode.UNKNOWN_SERVER_ERROR;
    const fault = faultOf(code);
    if (fault.reason === "out-of-range") reader.report(fault);
    else if (fault.reason === "unauthorized" || fault.reason === "unreadable") {
      reader.report(fault);
      this.#waiting.pause(reader, fault.reason === "unreadable" ? UNREADABLE_MS : DENIED_MS);
    } else this.#waiting.waitForLeader(reader, code); // The metadata shows whether the partition still exists.
    return false;
  }

  #channel(slot: number): string {
    return `${this.#deps.channel}-${slot}`;
  }
}

const EMPTY = Buffer.alloc(0);
