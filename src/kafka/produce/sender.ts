// Takes what is ready out of the lanes and sends it to the partitions' leaders: all healthy lanes of a broker in
// one request on one connection, isolated ones isolated, on a spare connection a topic, so that a slow partition holds
// up nobody else (a broker answers a Produce only when its slowest partition is done).

import type { Log } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { decodeResponse } from "../../wire/message.ts";
import { Produce, type ProduceResponse } from "../../wire/messages/produce.ts";
import { frameOverhead, PRODUCE_VERSION, ProduceFrame } from "../../wire/produce-frame.ts";
import { type BatchCompression, BatchEncoder } from "../../wire/record-batch.ts";
import type { Cluster } from "../client/cluster.ts";
import { CLIENT_ID, type Connection } from "../client/connection.ts";
import { BrokerGone } from "../client/errors.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { unknownTopic } from "../client/problems.ts";
import { BrokerChannels, MAIN } from "./broker-channels.ts";
import { FramePool } from "./frame-pool.ts";
import type { Lane } from "./lane.ts";
import { noSuchPartition } from "./produce-errors.ts";
import type { ProducerIds } from "./producer-id.ts";

/** A batch of more than one record stays below this, and below the topic's own limit. */
const MAX_BATCH_BYTES = 1_000_000;
/** Far below `socket.request.max.bytes` (100 MB); a single larger record travels all the same. */
const MAX_REQUEST_BYTES = 8_000_000;
/** An answer that takes longer sends its lanes isolated, until one comes faster. */
const SLOW_MS = 500;
/** Answers of a partition whose follower did not keep up. */
const LAGGING: readonly number[] = [KafkaCode.REQUEST_TIMED_OUT, KafkaCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND];
/** What the answer may take on its way, beyond the time that the broker itself may wait for replicas. */
const TRAVEL_MS = 1000;

export interface SenderDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly producerIds: ProducerIds;
  readonly log: Log;
  readonly compression: BatchCompression | undefined;
  /** A batch leaves with so many records. */
  readonly onBatch: (records: number) => void;
}

/** A request's bytes, and the buffer that they stand in. */
interface Composed {
  readonly buffer: Buffer;
  readonly frame: Buffer;
}

/** Sends lanes' batches and brings the answers back to them. */
export class Sender {
  readonly active = new Set<Lane>();
  readonly #deps: SenderDeps;
  readonly #brokers = new Map<number, BrokerChannels>();
  readonly #encoder = new BatchEncoder();
  readonly #frames = new FramePool();

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /** Sends what is ready and has a free connection; called whenever either may have changed. */
  pump(): void {
    const now = Date.now();
    for (const lane of this.active) if (lane.ready(now)) this.#offer(lane, now);
    for (const broker of this.#brokers.values()) {
      if (broker.ready.length > 0 && now >= broker.holdUntil) this.#dispatch(broker, now);
      broker.ready = [];
    }
  }

  /** Answers whoever waits past its deadline. */
  expire(now: number): void {
    for (const lane of this.active) {
      lane.expire(now);
      if (lane.idle) this.active.delete(lane);
    }
  }

  #offer(lane: Lane, now: number): void {
    const topic = this.#deps.metadata.get(lane.topic);
    if (!topic) lane.failQueued(unknownTopic(lane.topic));
    else if (lane.partition >= topic.partitions.length)
      lane.failQueued(noSuchPartition(lane.topic, lane.partition, topic.partitions.length));
    if (lane.idle) {
      this.active.delete(lane);
      return;
    }
    const leader = topic?.partitions[lane.partition]?.leader ?? -1;
    if (leader < 0) {
      lane.onLost(now, { sent: false, timedOut: false, reason: "the partition has no leader" });
      return;
    }
    if (lane.identity.producerId === undefined) {
      const id = this.#deps.producerIds.current;
      if (id === undefined) return;
      lane.identity.adopt(id);
    }
    let broker = this.#brokers.get(leader);
    if (!broker) {
      broker = new BrokerChannels(leader);
      this.#brokers.set(leader, broker);
    }
    broker.ready.push(lane);
  }

  #dispatch(broker: BrokerChannels, now: number): void {
    const healthy: Lane[] = [];
    const isolated = new Map<string, Lane[]>();
    for (const lane of broker.ready) {
      if (!lane.isolated && !broker.suspects(this.#followersOf(lane), now)) healthy.push(lane);
      else isolated.set(lane.topic, [...(isolated.get(lane.topic) ?? []), lane]);
    }
    if (healthy.length > 0 && broker.mainFree) this.#exchange(broker, MAIN, healthy);
    // One spare connection a topic: the partitions of a bad one must not take them all.
    for (const [topic, lanes] of isolated) {
      const spare = broker.spareFor(topic);
      if (spare !== undefined) this.#exchange(broker, spare, broker.nextLanes(topic, lanes), topic);
    }
  }

  /** The in-sync replicas that a batch for this lane has to wait for. */
  #followersOf({ topic, partition }: Lane): number[] {
    const state = this.#deps.metadata.get(topic)?.partitions[partition];
    return state ? state.isr.filter((broker) => broker !== state.leader) : [];
  }

  #exchange(broker: BrokerChannels, channel: string, lanes: readonly Lane[], isolated?: string): void {
    broker.take(channel, isolated);
    for (const lane of lanes) lane.reserved = true;
    this.#send(broker, channel, lanes, isolated)
      .catch((error: unknown) => this.#deps.log.error({ error }, "sending to kafka failed unexpectedly"))
      .finally(() => {
        broker.free(channel, isolated);
        this.pump();
      });
  }

  async #send(
    broker: BrokerChannels,
    channel: string,
    lanes: readonly Lane[],
    isolated?: string,
  ): Promise<void> {
    const { cluster } = this.#deps;
    const travelling = new Set<Lane>();
    let sent = false;
    try {
      const connection = await cluster.connection(broker.id, channel);
      connection.requireVersion(Produce, PRODUCE_VERSION);
      const correlationId = connection.nextCorrelationId();
      const request = this.#compose(correlationId, lanes, travelling);
      if (!request) return;
      sent = true;
      const sentAt = Date.now();
      const answer = await this.#await(connection, request.frame, correlationId);
      const slow = Date.now() - sentAt > SLOW_MS;
      if (isolated !== undefined) broker.noteRoundTrip(isolated, slow);
      if (answer.throttleTimeMs > 0) broker.holdUntil = Date.now() + answer.throttleTimeMs;
      this.#settle(broker, answer, travelling, slow);
      // A fast answer proves the followers of its lanes well.
      if (!slow) for (const lane of lanes) if (!lane.isolated) broker.clear(this.#followersOf(lane));
      // A partition that the answer leaves out is one whose outcome nobody told.
      this.#onLost(travelling, {
        sent,
        timedOut: false,
        reason: "the broker's answer leaves the partition out",
      });
      // A batch that is open may be sent again, and keeps its bytes there.
      if (lanes.every((lane) => !lane.open)) this.#frames.give(request.buffer);
    } catch (error) {
      const gone = error instanceof BrokerGone;
      const reason = error instanceof Error ? error.message : String(error);
      const maybeSent = sent && (!gone || error.sent);
      if (isolated !== undefined && gone && error.timedOut) broker.noteRoundTrip(isolated, true);
      if (!gone) this.#deps.log.warn({ error, node: broker.id }, "produce request failed");
      this.#onLost(sent ? travelling : lanes, { sent: maybeSent, timedOut: gone && error.timedOut, reason });
    } finally {
      for (const lane of lanes) this.#unreserve(lane);
    }
  }

  async #await(connection: Connection, frame: Buffer, correlationId: number): Promise<ProduceResponse> {
    const timeout = this.#deps.cluster.options.requestTimeoutMs + TRAVEL_MS;
    return decodeResponse(Produce, PRODUCE_VERSION, await connection.send(frame, correlationId, timeout));
  }

  /** One frame of as many lanes as fit; those that do not keep their place for the next. */
  #compose(correlationId: number, lanes: readonly Lane[], travelling: Set<Lane>): Composed | undefined {
    const byTopic = new Map<string, Lane[]>();
    let size = 0;
    let count = 0;
    for (const lane of lanes) {
      if (size > MAX_REQUEST_BYTES) break;
      const limit = this.#deps.metadata.get(lane.topic)?.limits.maxMessageBytes ?? MAX_BATCH_BYTES;
      const bound = lane.prepare(Math.min(MAX_BATCH_BYTES, limit));
      if (bound === 0) continue;
      size += bound;
      count++;
      const group = byTopic.get(lane.topic);
      if (group) group.push(lane);
      else byTopic.set(lane.topic, [lane]);
    }
    if (count === 0) return undefined;
    const { compression, cluster, onBatch } = this.#deps;
    const buffer = this.#frames.take(size + frameOverhead([...byTopic.keys()], count));
    const frame = new ProduceFrame(buffer);
    frame.begin(correlationId, CLIENT_ID, cluster.options.requestTimeoutMs, byTopic.size);
    for (const [topic, group] of byTopic) {
      frame.topic(topic, group.length);
      for (const lane of group) {
        frame.records(lane.partition, (target, at) => lane.encode(this.#encoder, target, at, compression));
        travelling.add(lane);
        // Behind the others: where not all fit in one request, the next one starts with those left out.
        this.active.delete(lane);
        this.active.add(lane);
        onBatch(lane.batchCount);
      }
    }
    return { buffer, frame: frame.finish() };
  }

  #settle(broker: BrokerChannels, answer: ProduceResponse, travelling: Set<Lane>, slow: boolean): void {
    const now = Date.now();
    const byPlace = new Map<string, Lane>();
    for (const lane of travelling) byPlace.set(`${lane.topic}/${lane.partition}`, lane);
    for (const topic of answer.topics) {
      for (const partition of topic.partitions) {
        const lane = byPlace.get(`${topic.name}/${partition.partition}`);
        if (!lane || !travelling.delete(lane)) continue;
        lane.settle(partition, now, slow);
        if (LAGGING.includes(partition.errorCode)) broker.suspect(this.#followersOf(lane), now);
      }
    }
  }

  #onLost(lanes: Iterable<Lane>, loss: { sent: boolean; timedOut: boolean; reason: string }): void {
    const now = Date.now();
    for (const lane of lanes) lane.onLost(now, loss);
  }

  #unreserve(lane: Lane): void {
    lane.reserved = false;
    if (lane.idle) this.active.delete(lane);
  }
}
