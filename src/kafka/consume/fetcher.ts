// Keeps cursors supplied: one Fetch at a time a broker, for those of its partitions that have nothing left. A cursor
// that still holds records is not asked for again, so what is held is bounded by one answer a partition.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../core/ports.ts";
import { Fetch, type FetchResponse } from "../../wire/messages/fetch.ts";
import type { Cluster } from "../client/cluster.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import type { Cursor } from "./partition-reader.ts";

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

/** Fetches for a set of cursors until it is stopped. */
export class Fetcher {
  readonly #deps: FetcherDeps;
  readonly #cursors: readonly Cursor[];
  readonly #busy = new Set<number>();
  #running = true;
  #retry: NodeJS.Timeout | undefined;

  constructor(deps: FetcherDeps, cursors: readonly Cursor[]) {
    this.#deps = deps;
    this.#cursors = cursors;
    for (const cursor of cursors) cursor.onHungry = () => this.#pump();
    this.#pump();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#retry);
  }

  #pump(): void {
    if (!this.#running) return;
    const byNode = new Map<number, Cursor[]>();
    for (const cursor of this.#cursors) {
      const leader = this.#deps.metadata.get(cursor.topic)?.partitions[cursor.partition]?.leader ?? -1;
      if (leader < 0) this.#again(cursor.topic);
      else byNode.set(leader, [...(byNode.get(leader) ?? []), cursor]);
    }
    for (const [node, cursors] of byNode) {
      const hungry = cursors.filter((cursor) => cursor.hungry);
      if (hungry.length === 0 || this.#busy.has(node)) continue;
      this.#busy.add(node);
      const waitMs = hungry.length === cursors.length ? IDLE_WAIT_MS : BUSY_WAIT_MS;
      this.#fetch(node, hungry, waitMs)
        .catch((error: unknown) => this.#failed(error, hungry))
        .finally(() => {
          this.#busy.delete(node);
          this.#pump();
        });
    }
  }

  async #fetch(node: number, cursors: readonly Cursor[], maxWaitMs: number): Promise<void> {
    const { cluster, channel } = this.#deps;
    const connection = await cluster.connection(node, channel);
    const topics = new Map<string, Cursor[]>();
    for (const cursor of cursors) topics.set(cursor.topic, [...(topics.get(cursor.topic) ?? []), cursor]);
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
        const cursor = cursors.find((each) => each.topic === name && each.partition === part.partition);
        if (cursor) refused = this.#give(cursor, part) || refused;
      }
    if (refused) await delay(PAUSE_MS);
  }

  /** @returns true when the partition has moved, or is in trouble for a moment */
  #give(cursor: Cursor, part: Part): boolean {
    if (part.errorCode === 0) {
      cursor.accept(part.records ?? EMPTY, part.abortedTransactions ?? [], part.lastStableOffset);
      return false;
    }
    if (cursor.refused(part.errorCode)) return false;
    this.#deps.metadata.refresh([cursor.topic]);
    return true;
  }

  async #failed(error: unknown, cursors: readonly Cursor[]): Promise<void> {
    this.#deps.log.debug({ error }, "fetch failed");
    this.#deps.metadata.refresh([...new Set(cursors.map(({ topic }) => topic))]);
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
