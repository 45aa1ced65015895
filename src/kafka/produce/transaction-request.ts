// Sends the batches of a transaction to the leaders of their partitions: one request per leader at a time, each with at most
// one batch per partition.

import { setTimeout as delay } from "node:timers/promises";
import { elementAt } from "../../core/element.ts";
import { messageOf } from "../../core/errors.ts";
import type { PreparedRecord } from "../../core/record.ts";
import { type PartitionAnswer, Produce } from "../../wire/messages/produce.ts";
import { frameOverhead, ProduceFrame } from "../../wire/produce-frame.ts";
import { isOffset } from "../../wire/reader.ts";
import { BatchEncoder } from "../../wire/record-batch.ts";
import type { Cluster } from "../client/cluster.ts";
import { CLIENT_ID } from "../client/connection.ts";
import { BrokerGone } from "../client/errors.ts";
import { exchange } from "../client/exchange.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { groupBy, partitionName, type TopicPartition } from "../client/topic-partition.ts";
import { FramePool } from "./frame-pool.ts";
import { LaneIdentity } from "./lane-identity.ts";
import { outcomeOfAnswer, reasonOf } from "./outcomes.ts";
import { MAX_REQUEST_BYTES } from "./request-encoder.ts";
import type { ProducerIdentity } from "./transaction-coordinator.ts";
import type { Produced } from "./transaction-outcome.ts";
import type { PlannedBatch } from "./transaction-parts.ts";

/** Time for the network, in addition to the time that a broker may wait for replicas, in milliseconds. */
const NETWORK_MS = 1000;
/** The pause between two attempts to find the leader of a partition, and how long Onramp tries, in milliseconds. */
const [LEADER_MS, ELECTION_MS] = [100, 1000];
/**
 * How long a broker may wait for its replicas, in milliseconds. Longer than for HTTP, because a failed attempt aborts the
 * transaction, and because the wait blocks only this source.
 */
const REPLICAS_MS = 8000;

export interface TransactionRequestDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
}

/** Sends the Produce requests of one transactional id. */
export class TransactionRequests {
  readonly #deps: TransactionRequestDeps;
  readonly #id: string;
  readonly #encoder = new BatchEncoder();
  readonly #frames = new FramePool();
  /** The sequence numbers under the current epoch, by partition. */
  readonly #sequences = new Map<string, LaneIdentity>();

  constructor(deps: TransactionRequestDeps, id: string) {
    this.#deps = deps;
    this.#id = id;
  }

  /** Called with every new epoch: the sequence numbers begin with 0. */
  reset(): void {
    this.#sequences.clear();
  }

  /**
   * Sends the batches, in order per partition. A batch that was refused because the broker is not the leader is sent again, for a
   * second: an open transaction delays the readers of its topics. After any other failure, no further batch is sent.
   */
  async send(
    own: ProducerIdentity,
    batches: readonly PlannedBatch[],
    records: readonly PreparedRecord[],
    deadline: number,
  ): Promise<Produced> {
    const produced: Produced = { lastOffsets: new Map(), failed: [] };
    const lastTry = Math.min(deadline, Date.now() + ELECTION_MS);
    let pending = [...batches];
    while (pending.length > 0) {
      const byLeader = groupBy(pending, (batch) => this.#leaderOf(batch));
      const again: PlannedBatch[] = [];
      await Promise.all(
        byLeader.map(async ([leader, batchesOfLeader]) => {
          again.push(
            ...(await this.#sendTo(leader, own, batchesOfLeader, records, { ...produced, deadline })),
          );
        }),
      );
      // Keeps the order of `batches`, which is the order of the records of a partition.
      pending = pending.filter((batch) => again.includes(batch));
      if (produced.failed.length > 0 || pending.length === 0) break;
      this.#deps.metadata.refresh([...new Set(pending.map(({ topic }) => topic))]);
      await delay(LEADER_MS);
      const isDeleted = pending.some(({ topic }) => this.#deps.metadata.get(topic) === undefined);
      if (isDeleted || Date.now() >= lastTry) break;
    }
    for (const batch of produced.failed.length > 0 ? [] : pending)
      produced.failed.push({
        batch,
        answer: undefined,
        reason: `${partitionName(batch)} has no leader that can be reached`,
      });
    return produced;
  }

  #leaderOf({ topic, partition }: TopicPartition): number {
    return this.#deps.metadata.get(topic)?.partitions[partition]?.leader ?? -1;
  }

  /** Sends all batches for one leader. @returns those that must be sent to another leader */
  async #sendTo(
    leader: number,
    own: ProducerIdentity,
    batches: readonly PlannedBatch[],
    records: readonly PreparedRecord[],
    produced: Produced & { readonly deadline: number },
  ): Promise<readonly PlannedBatch[]> {
    let rest = [...batches];
    if (leader < 0) return rest;
    // A batch that is left is reported by the caller.
    while (rest.length > 0 && Date.now() < produced.deadline) {
      const { now, later } = nextRequest(rest);
      const answers = await this.#exchange(leader, own, now, records).catch((error: unknown) => error);
      // A request that did not reach the leader can be sent to the next one.
      if (answers instanceof BrokerGone && !answers.sent) return rest;
      const moved: PlannedBatch[] = [];
      for (const batch of now) {
        const reason = answers instanceof Map ? "" : messageOf(answers);
        const answer: PartitionAnswer | undefined =
          answers instanceof Map ? answers.get(partitionName(batch)) : undefined;
        if (this.#settle(batch, answer, produced, reason) === "moved") moved.push(batch);
      }
      if (produced.failed.length > 0) return [];
      if (moved.length > 0) return rest.filter((batch) => moved.includes(batch) || later.includes(batch));
      rest = later;
    }
    return rest;
  }

  #settle(
    batch: PlannedBatch,
    answer: PartitionAnswer | undefined,
    { lastOffsets, failed }: Produced,
    lost: string,
  ): "moved" | undefined {
    const outcome = answer && outcomeOfAnswer(answer);
    if (outcome === "stale-metadata") return "moved";
    if (answer && (outcome === "written" || outcome === "duplicate") && isOffset(answer.baseOffset)) {
      const count = batch.indexes.length;
      this.#sequences.get(partitionName(batch))?.advance(count);
      lastOffsets.set(partitionName(batch), answer.baseOffset + count - 1);
    } else {
      const reason = answer
        ? `${partitionName(batch)}: ${reasonOf(answer)}`
        : `${partitionName(batch)}: ${lost || "the broker's answer does not contain the partition"}`;
      failed.push({ batch, answer, reason });
    }
    return undefined;
  }

  async #exchange(
    leader: number,
    own: ProducerIdentity,
    batches: readonly PlannedBatch[],
    records: readonly PreparedRecord[],
  ): Promise<Map<string, PartitionAnswer>> {
    const { cluster } = this.#deps;
    const connection = await cluster.connection(leader, `transaction-${this.#id}`);
    const version = connection.version(Produce);
    const correlationId = connection.nextCorrelationId();
    const topics = groupBy(batches, ({ topic }) => topic);
    const size = batches.reduce((sum, batch) => sum + batch.size, 0);
    const names = topics.map(([name]) => name);
    const buffer = this.#frames.take(size + frameOverhead(names, batches.length, this.#id));
    const frame = new ProduceFrame(buffer);
    frame.begin(version, correlationId, CLIENT_ID, REPLICAS_MS, topics.length, this.#id);
    for (const [topic, parts] of topics) {
      frame.topic(topic, parts.length);
      for (const batch of parts)
        frame.records(batch.partition, (target, at) => this.#encode(own, batch, records, target, at));
    }
    const timeoutMs = REPLICAS_MS + NETWORK_MS;
    const request = { frame: frame.finish(), correlationId, timeoutMs };
    const answer = await exchange(connection, Produce, version, request);
    this.#frames.give(buffer);
    if (answer.throttleTimeMs > 0) await delay(Math.min(answer.throttleTimeMs, NETWORK_MS));
    return new Map(
      answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((part) => [`${name}/${part.partition}`, part] as const),
      ),
    );
  }

  #encode(
    { producerId, producerEpoch }: ProducerIdentity,
    batch: PlannedBatch,
    records: readonly PreparedRecord[],
    target: Buffer,
    at: number,
  ): Buffer {
    const name = partitionName(batch);
    let identity = this.#sequences.get(name);
    if (!identity) {
      identity = new LaneIdentity();
      identity.adopt(producerId, producerEpoch);
      this.#sequences.set(name, identity);
    }
    this.#encoder.begin(target, at);
    for (const index of batch.indexes) this.#encoder.add(elementAt(records, index).record);
    return this.#encoder.finish({ ...identity.current, transactional: true }, batch.compression);
  }
}

/** Selects the batches of the next request: the first of each partition, up to the size limit of a request. */
function nextRequest(batches: readonly PlannedBatch[]): {
  readonly now: PlannedBatch[];
  readonly later: PlannedBatch[];
} {
  const [now, later]: [PlannedBatch[], PlannedBatch[]] = [[], []];
  const names = new Set<string>();
  let size = 0;
  for (const batch of batches) {
    const fits = now.length === 0 || size + batch.size <= MAX_REQUEST_BYTES;
    if (!fits || names.has(partitionName(batch))) later.push(batch);
    else {
      now.push(batch);
      size += batch.size;
    }
    // A later batch of the partition must not overtake this one.
    names.add(partitionName(batch));
  }
  return { now, later };
}
