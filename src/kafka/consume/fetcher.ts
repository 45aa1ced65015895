// Keeps readers supplied: one Fetch at a time a broker, for those of its partitions that have nothing left. A reader
// that still holds records is not asked for again, so what is held is bounded by one answer a partition.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../core/ports.ts";
import { Fetch, type FetchResponse } from "../../wire/messages/fetch.ts";
import type { Cluster } from "../client/cluster.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import type { PartitionReader } from "./partition-reader.ts";

const VERSION = 11;
const READ_COMMITTED = 1;
/** Bytes of one answer, and of one partition in it; a single larger batch comes all the same. */
const MAX_BYTES = 4 * 1024 * 1024;
const PARTITION_BYTES = 256 * 1024;
/** How long a broker holds an empty answer back; less while a partition of it is busy and may want more any moment. */
const IDLE_WAIT_MS = 500;
const BUSY_WAIT_MS = 50;
const PAUSE_MS = 200;
const TRAVEL_MS = 1000;

type Part = FetchResponse["topics"][number]["partitions"][number];

export interface FetcherDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly log: Log;
  /** Names the connections, which are nobody else's: a long poll holds up whatever stands behind it. */
  readonly channel: string;
}

/** Fetches for a set of readers until it is stopped. */
export class Fetcher {
  readonly #deps: FetcherDeps;
  readonly #readers: readonly PartitionReader[];
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
    const byNode = new Map<number, PartitionReader[]>();
    for (const reader of this.#readers) {
      const leader = this.#deps.metadata.get(reader.topic)?.partitions[reader.partition]?.leader ?? -1;
      if (leader < 0) this.#again(reader.topic);
      else byNode.set(leader, [...(byNode.get(leader) ?? []), reader]);
    }
    for (const [node, readers] of byNode) {
      const needsFetch = readers.filter((reader) => reader.needsFetch);
      if (needsFetch.length === 0 || this.#busy.has(node)) continue;
      this.#busy.add(node);
      const waitMs = needsFetch.length === readers.length ? IDLE_WAIT_MS : BUSY_WAIT_MS;
      this.#fetch(node, needsFetch, waitMs)
        .catch((error: unknown) => this.#onError(error, needsFetch))
        .finally(() => {
          this.#busy.delete(node);
          this.#pump();
        });
    }
  }

  async #fetch(node: number, readers: readonly PartitionReader[], maxWaitMs: number): Promise<void> {
    const { cluster, channel } = this.#deps;
    const connection = await cluster.connection(node, channel);
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
      topics: [...topics].map(([name, of]) => ({
        name,
        partitions: of.map(({ partition, fetchFrom }) => ({
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
    const timeout = maxWaitMs + cluster.options.requestTimeoutMs + TRAVEL_MS;
    const answer = await connection.request(Fetch, VERSION, request, timeout);
    if (!this.#running) return;
    if (answer.throttleTimeMs > 0) await delay(answer.throttleTimeMs);
    let refused = false;
    for (const { name, partitions } of answer.topics)
      for (const part of partitions) {
        const reader = readers.find((each) => each.topic === name && each.partition === part.partition);
        if (reader) refused = this.#give(reader, part) || refused;
      }
    if (refused) await delay(PAUSE_MS);
  }

  /** @returns true when the partition has moved, or is in trouble for a moment */
  #give(reader: PartitionReader, part: Part): boolean {
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

  /** A partition without a leader, or of an unknown topic: asked for again in a moment. */
  #again(topic: string): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#deps.metadata.refresh([topic]);
      this.#pump();
    }, PAUSE_MS);
  }
}

const EMPTY = Buffer.alloc(0);
