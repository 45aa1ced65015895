// Fetches records for partition readers: one Fetch request per broker at a time, for the partitions whose readers have
// no records left. Therefore a reader holds the records of at most one response.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../core/ports.ts";
import { Fetch, type FetchResponse } from "../../wire/messages/fetch.ts";
import type { Cluster } from "../client/cluster.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import type { PartitionReader } from "./partition-reader.ts";

const VERSION = 11;
const READ_COMMITTED = 1;
/** The limits of a response and of each partition in it, in bytes. A broker may exceed them by one large batch. */
const MAX_BYTES = 4 * 1024 * 1024;
const PARTITION_BYTES = 256 * 1024;
/**
 * How long a broker waits for records: IDLE when all readers of its partitions are empty, BUSY when some are
 * not.
 */
const IDLE_WAIT_MS = 500;
const BUSY_WAIT_MS = 50;
const PAUSE_MS = 200;
/** Time for the network, in addition to the time that the broker may wait. */
const NETWORK_MS = 1000;

type Part = FetchResponse["topics"][number]["partitions"][number];

export interface FetcherDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly log: Log;
  /** The name of the connections. They must not be shared, because a long poll delays all later requests. */
  readonly channel: string;
}

/** Fetches for a set of readers, from the constructor until `stop`. */
export class Fetcher {
  readonly #deps: FetcherDeps;
  readonly #readers: readonly PartitionReader[];
  /** Brokers with a request in flight. */
  readonly #busy = new Set<number>();
  #running = true;
  #retry: NodeJS.Timeout | undefined;

  constructor(deps: FetcherDeps, readers: readonly PartitionReader[]) {
    this.#deps = deps;
    this.#readers = readers;
    for (const reader of readers) reader.onNeedsFetch = () => this.#pump();
    this.#pump();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#retry);
  }

  #pump(): void {
    if (!this.#running) return;
    const byBroker = new Map<number, PartitionReader[]>();
    for (const reader of this.#readers) {
      const leader = this.#deps.metadata.get(reader.topic)?.partitions[reader.partition]?.leader ?? -1;
      if (leader < 0) this.#refreshLater(reader.topic);
      else byBroker.set(leader, [...(byBroker.get(leader) ?? []), reader]);
    }
    for (const [broker, readers] of byBroker) {
      const needsFetch = readers.filter((reader) => reader.needsFetch);
      if (needsFetch.length === 0 || this.#busy.has(broker)) continue;
      this.#busy.add(broker);
      const waitMs = needsFetch.length === readers.length ? IDLE_WAIT_MS : BUSY_WAIT_MS;
      this.#fetch(broker, needsFetch, waitMs)
        .catch((error: unknown) => this.#onError(error, needsFetch))
        .finally(() => {
          this.#busy.delete(broker);
          this.#pump();
        });
    }
  }

  async #fetch(broker: number, readers: readonly PartitionReader[], maxWaitMs: number): Promise<void> {
    const { cluster, channel } = this.#deps;
    const connection = await cluster.connection(broker, channel);
    const topics = new Map<string, PartitionReader[]>();
    for (const reader of readers) topics.set(reader.topic, [...(topics.get(reader.topic) ?? []), reader]);
    const request = {
      replicaId: -1,
      maxWaitMs,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      isolationLevel: READ_COMMITTED,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [...topics].map(([name, own]) => ({
        name,
        partitions: own.map(({ partition, fetchFrom }) => ({
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: fetchFrom,
          logStartOffset: -1,
          partitionMaxBytes: PARTITION_BYTES,
        })),
      })),
      forgotten: [],
      rackId: "",
    };
    const timeout = maxWaitMs + cluster.options.requestTimeoutMs + NETWORK_MS;
    const answer = await connection.request(Fetch, VERSION, request, timeout);
    if (!this.#running) return;
    if (answer.throttleTimeMs > 0) await delay(answer.throttleTimeMs);
    let retry = false;
    for (const { name, partitions } of answer.topics)
      for (const part of partitions) {
        const reader = readers.find(({ topic, partition }) => topic === name && partition === part.partition);
        if (reader) retry = this.#pass(reader, part) || retry;
      }
    if (retry) await delay(PAUSE_MS);
  }

  /** Passes one partition of a response to its reader. @returns true when a new fetch must wait for a pause */
  #pass(reader: PartitionReader, part: Part): boolean {
    if (part.errorCode === 0) {
      reader.accept(part.records ?? EMPTY, part.abortedTransactions ?? [], part.lastStableOffset);
      return false;
    }
    if (reader.onError(part.errorCode)) return false;
    this.#deps.metadata.refresh([reader.topic]);
    return true;
  }

  async #onError(error: unknown, readers: readonly PartitionReader[]): Promise<void> {
    this.#deps.log.debug({ error }, "fetch failed");
    this.#deps.metadata.refresh([...new Set(readers.map(({ topic }) => topic))]);
    await delay(PAUSE_MS);
  }

  /** Refreshes the metadata of a topic that is unknown, or whose partition has no leader, after a pause. */
  #refreshLater(topic: string): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#deps.metadata.refresh([topic]);
      this.#pump();
    }, PAUSE_MS);
  }
}

const EMPTY = Buffer.alloc(0);
