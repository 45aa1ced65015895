// Sends the batches of a transaction to the leaders of their partitions: one request per leader at a time, each with at most
// one batch per partition.

import { setTimeout as delay } from "node:timers/promises";
import { elementAt } from "../../core/element.ts";
import { messageOf } from "../../core/errors.ts";
import type { PreparedRecord } from "../../core/record.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { decodeResponse } from "../../wire/message.ts";
import { type PartitionAnswer, Produce } from "../../wire/messages/produce.ts";
import { frameOverhead, ProduceFrame } from "../../wire/produce-frame.ts";
import { BatchEncoder } from "../../wire/record-batch.ts";
import type { Cluster } from "../client/cluster.ts";
import { CLIENT_ID } from "../client/connection.ts";
import { BrokerGone } from "../client/errors.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { groupBy, type TopicPartition } from "../client/topic-partition.ts";
import { FramePool } from "./frame-pool.ts";
import { LaneIdentity } from "./lane-identity.ts";
import { outcomeOf } from "./outcomes.ts";
import { MAX_REQUEST_BYTES } from "./request-encoder.ts";
import type { ProducerIdentity } from "./transaction-coordinator.ts";
import type { Chunk } from "./transaction-parts.ts";

/** Time for the network, in addition to the time that a broker may wait for replicas, in milliseconds. */
const NETWORK_MS = 1000;
/** The pause before a batch is sent to another leader, and how long that is tried, in milliseconds. */
const [LEADER_MS, ELECTION_MS] = [100, 5000];
/**
 * How long a broker may wait for its replicas, in milliseconds: longer than for HTTP, since a source has a connection of its own,
 * and an attempt that is given up aborts the transaction.
 */
const REPLICAS_MS = 8000;

/** A batch that was not written, or whose outcome is not known. */
export interface Refusal {
  readonly chunk: Chunk;
  /** Undefined when there is no answer. */
  readonly answer: PartitionAnswer | undefined;
  readonly reason: string;
}

/** The batches of a transaction that a broker has answered. */
export interface Produced {
  /** The offset of the last record in each partition, by `topic/partition`. */
  readonly lastOffsets: Map<string, number>;
  readonly refusals: Refusal[];
}

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
   * Sends the batches, in order per partition. A batch that its leader has not written, because another broker is the leader,
   * is sent again for 5 seconds. After another refusal, no further batch of the partition is sent.
   */
  async send(
    own: ProducerIdentity,
    chunks: readonly Chunk[],
    records: readonly PreparedRecord[],
    deadline: number,
  ): Promise<Produced> {
    const produced: Produced = { lastOffsets: new Map(), refusals: [] };
    const lastTry = Math.min(deadline, Date.now() + ELECTION_MS);
    let pending = [...chunks];
    while (pending.length > 0) {
      const byLeader = groupBy(pending, (chunk) => this.#leaderOf(chunk));
      const again: Chunk[] = [];
      await Promise.all(
        byLeader.map(async ([leader, led]) => {
          again.push(...(await this.#sendTo(leader, own, led, records, produced)));
        }),
      );
      // The order of the batches of a partition is that of `chunks`.
      pending = pending.filter((chunk) => again.includes(chunk));
      if (produced.refusals.length > 0 || pending.length === 0) break;
      this.#deps.metadata.refresh([...new Set(pending.map(({ topic }) => topic))]);
      await delay(LEADER_MS);
      const isDeleted = pending.some(({ topic }) => this.#deps.metadata.get(topic) === undefined);
      if (isDeleted || Date.now() >= lastTry) break;
    }
    for (const chunk of produced.refusals.length > 0 ? [] : pending)
      produced.refusals.push({
        chunk,
        answer: undefined,
        reason: `${nameOf(chunk)} has no leader that can be reached`,
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
    chunks: readonly Chunk[],
    records: readonly PreparedRecord[],
    produced: Produced,
  ): Promise<readonly Chunk[]> {
    let rest = [...chunks];
    if (leader < 0) return rest;
    while (rest.length > 0) {
      const { now, later } = nextRequest(rest);
      const answers = await this.#exchange(leader, own, now, records).catch((error: unknown) => error);
      // A request that did not reach the leader can be sent to the next one.
      if (answers instanceof BrokerGone && !answers.sent) return rest;
      const moved: Chunk[] = [];
      for (const chunk of now) {
        const reason = answers instanceof Map ? "" : messageOf(answers);
        const answer: PartitionAnswer | undefined =
          answers instanceof Map ? answers.get(nameOf(chunk)) : undefined;
        if (this.#settle(chunk, answer, produced, reason) === "moved") moved.push(chunk);
      }
      if (produced.refusals.length > 0) return [];
      if (moved.length > 0) return rest.filter((chunk) => moved.includes(chunk) || later.includes(chunk));
      rest = later;
    }
    return [];
  }

  #settle(
    chunk: Chunk,
    answer: PartitionAnswer | undefined,
    { lastOffsets, refusals }: Produced,
    lost: string,
  ): "moved" | undefined {
    const outcome = answer && outcomeOf(answer.errorCode, answer.baseOffset);
    if (outcome === "stale-metadata") return "moved";
    if (answer && (outcome === "written" || outcome === "duplicate")) {
      const count = chunk.indexes.length;
      this.#sequences.get(nameOf(chunk))?.advance(count);
      lastOffsets.set(nameOf(chunk), answer.baseOffset + count - 1);
    } else {
      const reason = answer
        ? `${nameOf(chunk)}: ${kafkaErrorName(answer.errorCode)}${answer.errorMessage ? `: ${answer.errorMessage}` : ""}`
        : `${nameOf(chunk)}: ${lost || "the broker's answer does not contain the partition"}`;
      refusals.push({ chunk, answer, reason });
    }
    return undefined;
  }

  async #exchange(
    leader: number,
    own: ProducerIdentity,
    chunks: readonly Chunk[],
    records: readonly PreparedRecord[],
  ): Promise<Map<string, PartitionAnswer>> {
    const { cluster } = this.#deps;
    const connection = await cluster.connection(leader, `transaction-${this.#id}`);
    const version = connection.version(Produce);
    const correlationId = connection.nextCorrelationId();
    const topics = groupBy(chunks, ({ topic }) => topic);
    const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
    const names = topics.map(([name]) => name);
    const buffer = this.#frames.take(size + frameOverhead(names, chunks.length, this.#id));
    const frame = new ProduceFrame(buffer);
    frame.begin(version, correlationId, CLIENT_ID, REPLICAS_MS, topics.length, this.#id);
    for (const [topic, parts] of topics) {
      frame.topic(topic, parts.length);
      for (const chunk of parts)
        frame.records(chunk.partition, (target, at) => this.#encode(own, chunk, records, target, at));
    }
    const bytes = await connection.send(frame.finish(), correlationId, REPLICAS_MS + NETWORK_MS);
    this.#frames.give(buffer);
    const answer = decodeResponse(Produce, version, bytes);
    if (answer.throttleTimeMs > 0) await delay(Math.min(answer.throttleTimeMs, NETWORK_MS));
    return new Map(
      answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((part) => [`${name}/${part.partition}`, part] as const),
      ),
    );
  }

  #encode(
    { producerId, producerEpoch }: ProducerIdentity,
    chunk: Chunk,
    records: readonly PreparedRecord[],
    target: Buffer,
    at: number,
  ): Buffer {
    const name = nameOf(chunk);
    let identity = this.#sequences.get(name);
    if (!identity) {
      identity = new LaneIdentity();
      identity.adopt(producerId, producerEpoch);
      this.#sequences.set(name, identity);
    }
    this.#encoder.begin(target, at);
    for (const index of chunk.indexes) this.#encoder.add(elementAt(records, index).record);
    return this.#encoder.finish({ ...identity.current, transactional: true }, chunk.compression);
  }
}

/** Selects the batches of the next request: the first of each partition, up to the size limit of a request. */
function nextRequest(chunks: readonly Chunk[]): { readonly now: Chunk[]; readonly later: Chunk[] } {
  const [now, later]: [Chunk[], Chunk[]] = [[], []];
  const names = new Set<string>();
  let size = 0;
  for (const chunk of chunks) {
    const fits = now.length === 0 || size + chunk.size <= MAX_REQUEST_BYTES;
    if (!fits || names.has(nameOf(chunk))) later.push(chunk);
    else {
      now.push(chunk);
      size += chunk.size;
    }
    // A later batch of the partition must not overtake this one.
    names.add(nameOf(chunk));
  }
  return { now, later };
}

/** `topic/partition`. */
export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Whether the broker refuses the records of a batch, and not the transaction. */
export const isRecordFault = ({ answer }: Refusal): boolean => {
  if (!answer) return false;
  const outcome = outcomeOf(answer.errorCode, answer.baseOffset);
  return outcome === "bad-records" || outcome === "split";
};

/** Whether the broker does not authorize the write. */
export const isDenied = ({ answer }: Refusal): boolean =>
  answer?.errorCode === KafkaCode.TOPIC_AUTHORIZATION_FAILED ||
  answer?.errorCode === KafkaCode.CLUSTER_AUTHORIZATION_FAILED;
