// Appends records to Kafka: checks a request before it is sent, distributes its records to the lanes of their
// partitions, and answers when every outcome is known or the deadline has passed. docs/adr/0003 explains why the
// producer of kafkajs is not used.

import { elementAt } from "../../core/element.ts";
import { MOST_DETAILS, OnrampError } from "../../core/errors.ts";
import { type AppendOptions, gauge, type Log, type MetricSource, type RecordLog } from "../../core/ports.ts";
import { type AcceptedRecord, Receipts } from "../../core/record.ts";
import { type RecordFault, requestError } from "../../core/record-fault.ts";
import type { BatchCompression } from "../../wire/record-batch.ts";
import type { Cluster } from "../client/cluster.ts";
import type { TopicMetadata, TopicState } from "../client/metadata.ts";
import { tooLate, unreachable } from "../client/problems.ts";
import type { Lane } from "./lane.ts";
import { largerThanLimit, refusedProducer, unusableKafka } from "./produce-errors.ts";
import { ProducerIds } from "./producer-id.ts";
import type { Pending } from "./segment.ts";
import { Sender } from "./sender.ts";
import { faultsOf, segmentsOf } from "./split-request.ts";
import { TopicLanes } from "./topic-lanes.ts";

/** Requests are refused at once when no broker has been reachable for this long. */
const DOWN_MS = 1000;
/** The interval of checks for deadlines and retries. */
const TICK_MS = 20;

export interface ProducerOptions {
  readonly compression: BatchCompression | undefined;
  /**
   * How long a record waits for other records of its batch, in milliseconds. With 0 (the default), it waits
   * only for those of the same turn of the event loop.
   */
  readonly lingerMs: number;
  /** The maximum bytes of one partition that are pending or in flight. */
  readonly laneBytes: number;
}

/** Counts events for the metrics. */
export interface ProducerEvents {
  /** Called per batch that is sent. */
  countBatch(records: number): void;
  /** Called when a broker has probably lost records that it had acknowledged. */
  countSuspectedLoss(): void;
}

/** The `RecordLog` that writes to Kafka. */
export class Producer implements RecordLog {
  readonly #cluster: Cluster;
  readonly #metadata: TopicMetadata;
  readonly #options: ProducerOptions;
  readonly #ids: ProducerIds;
  readonly #sender: Sender;
  readonly #lanes: TopicLanes;
  #ticker: NodeJS.Timeout | undefined;
  #scheduled = false;
  #stopping = false;

  constructor(
    cluster: Cluster,
    metadata: TopicMetadata,
    options: ProducerOptions,
    log: Log,
    events: ProducerEvents,
  ) {
    this.#cluster = cluster;
    this.#metadata = metadata;
    this.#options = options;
    this.#ids = new ProducerIds(cluster, log, {
      ready: () => this.#sender.pump(),
      refused: (code) => {
        for (const lane of this.#sender.active) lane.failQueued(refusedProducer(lane.topic, code));
      },
    });
    this.#sender = new Sender({
      cluster,
      metadata,
      producerIds: this.#ids,
      log,
      compression: options.compression,
      onBatch: events.countBatch,
    });
    this.#lanes = new TopicLanes({
      refresh: (topic) => metadata.refresh([topic]),
      renewProducerId: (used) => {
        if (used === this.#ids.current) this.#ids.renew();
      },
      reportSuspectedLoss: (topic, partition, code) => {
        log.warn(
          { topic, partition, code },
          "the broker does not know what it acknowledged; suspected data loss on its side",
        );
        events.countSuspectedLoss();
      },
    });
  }

  /** Requests a producer id. */
  start(): void {
    this.#ids.renew();
  }

  /** Why no record can be produced now, and what to do next; undefined when records can be produced. */
  get fault(): string | undefined {
    const { fault, downForMs } = this.#cluster;
    if (fault) return fault.message;
    if (downForMs > 0) return "no broker has answered yet";
    return this.#ids.fault;
  }

  /** The metrics of the lanes. */
  get metrics(): readonly MetricSource[] {
    const count = (matches: (lane: Lane) => boolean): number =>
      [...this.#sender.active].filter(matches).length;
    return [
      gauge("onramp_lanes_open", "Partitions with a batch of unknown outcome.", () =>
        count((lane) => lane.open),
      ),
      gauge("onramp_lanes_backing_off", "Partitions that wait before a retry.", () =>
        count((lane) => lane.backingOff),
      ),
    ];
  }

  sizeProblem(topic: string, bytes: number): OnrampError | undefined {
    // With compression, only the broker can compare the size.
    if (this.#options.compression !== undefined) return undefined;
    const limit = this.#metadata.get(topic)?.limits.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    return bytes > limit ? largerThanLimit(topic, bytes, limit) : undefined;
  }

  async append(topic: string, records: readonly AcceptedRecord[], options: AppendOptions): Promise<Receipts> {
    const { deadline } = options;
    if (this.#stopping) throw unreachable("Onramp is stopping");
    if (Date.now() >= deadline) throw tooLate();
    if (this.#cluster.downForMs >= DOWN_MS) throw this.#unusable();
    let state = this.#metadata.get(topic) ?? (await this.#metadata.resolve(topic, deadline));
    // Partitions may have been added, so the metadata is refreshed before a 404.
    if (records.some(({ partition = 0 }) => partition >= state.partitions.length))
      state = await this.#metadata.resolve(topic, deadline);
    if (this.#ids.refusal !== undefined) throw refusedProducer(topic, this.#ids.refusal);
    if (records.length === 0) {
      options.onQueued?.();
      return new Receipts(0);
    }
    return this.#enqueue(state, records, options);
  }

  /**
   * Refuses new records, waits for the records that are pending or in flight, and then answers every caller.
   *
   * @param deadline when the wait ends (milliseconds, `Date.now`)
   */
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
    while (this.#sender.active.size > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    this.#sender.expire(Number.POSITIVE_INFINITY);
    clearInterval(this.#ticker);
    this.#ids.stop();
  }

  #unusable(): OnrampError {
    const { fault } = this.#cluster;
    if (fault?.kind === "versions") return unusableKafka(fault.message);
    if (fault?.kind === "login") return unreachable(`Kafka cannot be used (${fault.message})`);
    return unreachable(`No Kafka broker is reachable (${fault?.message ?? "no broker has answered yet"})`);
  }

  #enqueue(topic: TopicState, records: readonly AcceptedRecord[], options: AppendOptions): Promise<Receipts> {
    const lanes = this.#lanes.of(topic);
    const partitions = records.map((record) => this.#lanes.partitionOf(topic, lanes, record));
    const most = options.onBadRecord ? records.length : MOST_DETAILS;
    const { deadline, onQueued, compress = false } = options;
    const compressed = compress || this.#options.compression !== undefined;
    const faults = faultsOf(topic, records, partitions, { most, compressed });
    if (faults.length > 0) {
      if (!options.onBadRecord) throw requestError(faults, records.length);
      return this.#enqueueValid(topic, records, options, faults);
    }
    return new Promise((resolve) => {
      const pending: Pending = { receipts: new Receipts(records.length), remaining: records.length, resolve };
      const segments = segmentsOf(records, partitions, pending, { deadline, compress });
      for (const [partition, { size }] of segments) {
        const held = elementAt(lanes, partition).bytes;
        // A lane without records accepts a request of any size. Otherwise a request that is larger than the
        // limit would always be refused.
        if (held > 0 && held + size > this.#options.laneBytes) {
          throw unreachable(`The queue of ${topic.name}/${partition} would exceed half of http.budget`);
        }
      }
      for (const [partition, segment] of segments) {
        const lane = elementAt(lanes, partition);
        lane.push(segment);
        this.#sender.active.add(lane);
      }
      this.#schedule();
      onQueued?.();
    });
  }

  /** Enqueues the records without faults. Only the other records fail. */
  async #enqueueValid(
    topic: TopicState,
    records: readonly AcceptedRecord[],
    options: AppendOptions,
    faults: readonly RecordFault[],
  ): Promise<Receipts> {
    const errors = new Map<number, OnrampError>();
    for (const { index, error_code, message } of faults)
      if (!errors.has(index)) errors.set(index, new OnrampError(error_code, message));
    const valid = records.filter((_, index) => !errors.has(index));
    const receipts = new Receipts(records.length);
    receipts.fill(valid.length > 0 ? await this.#enqueue(topic, valid, options) : new Receipts(0), errors);
    return receipts;
  }

  /** Sends after this turn of the event loop, or after `lingerMs`, so that requests of one turn share a batch. */
  #schedule(): void {
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      this.#sender.pump();
    };
    if (this.#options.lingerMs > 0) setTimeout(flush, this.#options.lingerMs);
    else setImmediate(flush);
  }

  /**
   * Answers the requests whose deadline has passed. Kafka's responses that have arrived are handled first: after a stall
   * of the process, a record that was acknowledged must not be reported as unknown.
   */
  #tick(): void {
    const now = Date.now();
    setImmediate(() => {
      this.#sender.expire(now);
      this.#sender.pump();
      if (this.#sender.active.size > 0) return;
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    });
  }
}
