// Sends the batches of ready lanes to the leaders of their partitions. The batches of all healthy lanes of a
// broker share one request on one connection; isolated lanes use one spare connection per topic. A broker
// answers a Produce request only when its slowest partition is done, so a slow partition would otherwise
// delay the others.

import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { Produce, type ProduceResponse } from "../../wire/messages/produce.ts";
import type { BatchCompression } from "../../wire/record-batch.ts";
import type { Cluster } from "../client/cluster.ts";
import { BrokerGone, BrokerRefused } from "../client/errors.ts";
import { exchange } from "../client/exchange.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { unknownTopic } from "../client/problems.ts";
import { BrokerChannels, MAIN } from "./broker-channels.ts";
import type { Lane } from "./lane.ts";
import type { Loss } from "./lane-host.ts";
import { noSuchPartition, unusableKafka } from "./produce-errors.ts";
import type { ProducerIds } from "./producer-id.ts";
import { RequestEncoder } from "./request-encoder.ts";

/** The lanes of a request are isolated when its answer takes longer than this, until an answer is faster. */
const SLOW_MS = 500;
/** Error codes of a partition whose followers did not keep up. */
const LAGGING: readonly number[] = [KafkaCode.REQUEST_TIMED_OUT, KafkaCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND];
/** Time for the network, in addition to the time that the broker may wait for replicas. */
const NETWORK_MS = 400;

export interface SenderDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly producerIds: ProducerIds;
  readonly log: Log;
  readonly compression: BatchCompression | undefined;
  /** Called with the number of records of each batch that is sent. */
  readonly onBatch: (records: number) => void;
}

/** Sends the batches of lanes, and reports the answers to the lanes. */
export class Sender {
  /** Lanes that have records. A lane is added by the producer, and removed when it is idle. */
  readonly active = new Set<Lane>();
  readonly #deps: SenderDeps;
  readonly #brokers = new Map<number, BrokerChannels>();
  readonly #requests: RequestEncoder;

  constructor(deps: SenderDeps) {
    const { metadata, compression, cluster } = deps;
    this.#deps = deps;
    this.#requests = new RequestEncoder(metadata, {
      compression,
      timeoutMs: cluster.options.requestTimeoutMs,
    });
  }

  /**
   * Sends the batches of ready lanes for which a connection is free. Called whenever a lane
   * may have become ready or a connection free.
   */
  pump(): void {
    const now = Date.now();
    for (const lane of this.active) if (lane.ready(now)) this.#assignToLeader(lane, now);
    for (const broker of this.#brokers.values()) {
      if (broker.ready.length > 0 && !broker.isThrottled(now)) this.#dispatch(broker, now);
      broker.ready = [];
    }
  }

  /** Answers the callers whose deadline has passed. @param now milliseconds, `Date.now` */
  expire(now: number): void {
    for (const lane of this.active) {
      lane.expire(now);
      if (lane.idle) this.active.delete(lane);
    }
  }

  #assignToLeader(lane: Lane, now: number): void {
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
      const { current: id, fault } = this.#deps.producerIds;
      if (id === undefined) return lane.wait(fault ?? "");
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
      if (!lane.isolated && !broker.hasSuspect(this.#followersOf(lane), now)) healthy.push(lane);
      else isolated.set(lane.topic, [...(isolated.get(lane.topic) ?? []), lane]);
    }
    if (healthy.length > 0 && broker.mainFree) this.#startRequest(broker, MAIN, healthy);
    // One spare connection per topic, so that the partitions of one slow topic do not occupy all of them.
    for (const [topic, lanes] of isolated) {
      const spare = broker.spareFor(topic);
      if (spare !== undefined) this.#startRequest(broker, spare, broker.nextLanes(topic, lanes), topic);
    }
  }

  /** The in-sync followers that the broker waits for when it writes a batch of this lane. */
  #followersOf({ topic, partition }: Lane): number[] {
    const state = this.#deps.metadata.get(topic)?.partitions[partition];
    return state ? state.isr.filter((broker) => broker !== state.leader) : [];
  }

  #startRequest(broker: BrokerChannels, channel: string, lanes: readonly Lane[], isolated?: string): void {
    broker.acquire(channel, isolated);
    for (const lane of lanes) lane.reserved = true;
    this.#send(broker, channel, lanes, isolated)
      .catch((error: unknown) => this.#deps.log.error({ error }, "sending to kafka failed unexpectedly"))
      .finally(() => {
        broker.release(channel, isolated);
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
    let inFlight = new Set<Lane>();
    let sent = false;
    try {
      const connection = await cluster.connection(broker.id, channel);
      const version = connection.version(Produce);
      const correlationId = connection.nextCorrelationId();
      const request = this.#requests.encode(version, correlationId, lanes);
      if (!request) return;
      inFlight = new Set(request.lanes);
      this.#onSend(request.lanes);
      sent = true;
      const sentAt = Date.now();
      const timeoutMs = cluster.options.requestTimeoutMs + NETWORK_MS;
      const { frame } = request;
      const answer = await exchange(connection, Produce, version, { frame, correlationId, timeoutMs });
      const slow = Date.now() - sentAt > SLOW_MS;
      if (isolated !== undefined) broker.noteRoundTrip(isolated, slow);
      if (answer.throttleTimeMs > 0) broker.throttle(connection, Date.now() + answer.throttleTimeMs);
      this.#onAnswer(broker, answer, inFlight, slow);
      // A fast answer shows that the followers of its lanes keep up.
      if (!slow) for (const lane of lanes) if (!lane.isolated) broker.removeSuspects(this.#followersOf(lane));
      // The outcome of a partition that the answer does not contain is unknown.
      this.#onLost(inFlight, {
        sent,
        timedOut: false,
        reason: "the broker's answer does not contain the partition",
      });
      // An open batch may be sent again from its bytes in this buffer, so the buffer is then not released.
      if (lanes.every((lane) => !lane.open)) this.#requests.release(request);
    } catch (error) {
      const gone = error instanceof BrokerGone;
      const reason = messageOf(error);
      const maybeSent = sent && (!gone || error.sent);
      if (isolated !== undefined && gone && error.timedOut) broker.noteRoundTrip(isolated, true);
      const refused = error instanceof BrokerRefused;
      if (!gone && !refused) this.#deps.log.warn({ error, node: broker.id }, "produce request failed");
      if (refused && error.code === KafkaCode.UNSUPPORTED_VERSION)
        for (const lane of lanes) lane.failQueued(unusableKafka(reason));
      this.#onLost(sent ? inFlight : lanes, { sent: maybeSent, timedOut: gone && error.timedOut, reason });
    } finally {
      for (const lane of lanes) this.#unreserve(lane);
    }
  }

  #onSend(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      // Moves the lane to the end of the set: the next request starts with lanes that did not fit into this
      // one.
      this.active.delete(lane);
      this.active.add(lane);
      this.#deps.onBatch(lane.batchCount);
    }
  }

  #onAnswer(broker: BrokerChannels, answer: ProduceResponse, inFlight: Set<Lane>, slow: boolean): void {
    const now = Date.now();
    const byPartition = new Map<string, Lane>();
    for (const lane of inFlight) byPartition.set(`${lane.topic}/${lane.partition}`, lane);
    for (const topic of answer.topics) {
      for (const partition of topic.partitions) {
        const lane = byPartition.get(`${topic.name}/${partition.partition}`);
        if (!lane || !inFlight.delete(lane)) continue;
        lane.onAnswer(partition, now, slow);
        if (LAGGING.includes(partition.errorCode)) broker.addSuspects(this.#followersOf(lane), now);
      }
    }
  }

  #onLost(lanes: Iterable<Lane>, loss: Loss): void {
    const now = Date.now();
    for (const lane of lanes) lane.onLost(now, loss);
  }

  #unreserve(lane: Lane): void {
    lane.reserved = false;
    if (lane.idle) this.active.delete(lane);
  }
}
