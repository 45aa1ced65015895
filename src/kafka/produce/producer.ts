// The way of records to Kafka: checks what can be known before the append, spreads a request over the lanes of
// its partitions, and answers when every outcome is known or the deadline has come. docs/adr/0003 says why this
// is not kafkajs's producer.

import { MOST_DETAILS, OnrampError } from "../../core/errors.ts";
import { type AppendOptions, gauge, type Log, type MetricSource, type RecordLog } from "../../core/ports.ts";
import { type AcceptedRecord, Receipts } from "../../core/record.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { type BatchCompression, recordSizeBound } from "../../wire/record-batch.ts";
import type { Cluster } from "../client/cluster.ts";
import type { TopicMetadata, TopicState } from "../client/metadata.ts";
import { unreachable } from "../client/problems.ts";
import { Lane } from "./lane.ts";
import type { LaneHost } from "./lane-host.ts";
import { partitionForKey, StickyPartitioner } from "./partitioner.ts";
import { deniedWrite } from "./produce-errors.ts";
import { ProducerIds } from "./producer-id.ts";
import type { Pending } from "./segment.ts";
import { Sender } from "./sender.ts";
import { asOne, type Fault, faultsOf, segmentsOf } from "./split-request.ts";

/** How long no broker may have been reachable before a request is refused at once. */
const DOWN_MS = 1000;
const TICK_MS = 20;

export interface ProducerOptions {
  readonly compression: BatchCompression | undefined;
  /** Milliseconds that a record may wait for company; 0 (the default) sends at once what one turn brought. */
  readonly lingerMs: number;
  /** Bytes that one partition may hold, queued and in flight. */
  readonly laneBytes: number;
}

/** What the producer reports to the metrics. */
export interface ProducerEvents {
  countBatch(records: number): void;
  countSuspectedLoss(): void;
}

/** `RecordLog` on Kafka. */
export class Producer implements RecordLog {
  readonly #cluster: Cluster;
  readonly #metadata: TopicMetadata;
  readonly #options: ProducerOptions;
  readonly #ids: ProducerIds;
  readonly #sender: Sender;
  readonly #host: LaneHost;
  readonly #lanes = new Map<string, Lane[]>();
  readonly #sticky = new Map<string, StickyPartitioner>();
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
      denied: () => {
        for (const lane of this.#sender.active)
          lane.failQueued(deniedWrite(lane.topic, KafkaCode.CLUSTER_AUTHORIZATION_FAILED));
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
    this.#host = {
      refresh: (topic) => metadata.refresh([topic]),
      renewProducerId: (used) => {
        if (used === this.#ids.current) this.#ids.renew();
      },
      suspectLoss: (topic, partition, code) => {
        log.warn(
          { topic, partition, code },
          "the broker does not know what it acknowledged; suspected data loss on its side",
        );
        events.countSuspectedLoss();
      },
    };
  }

  start(): void {
    this.#ids.renew();
  }

  /** Able to produce now: a broker answers and has given a producer id. */
  get ready(): boolean {
    return this.#cluster.downForMs === 0 && this.#ids.current !== undefined;
  }

  /** What the process shows of the lanes. */
  get metrics(): readonly MetricSource[] {
    const count = (holds: (lane: Lane) => boolean): number => [...this.#sender.active].filter(holds).length;
    return [
      gauge("onramp_lanes_open", "Partitions with a batch of unknown outcome.", () =>
        count((lane) => lane.open),
      ),
      gauge("onramp_lanes_backing_off", "Partitions that wait before they try again.", () =>
        count((lane) => lane.backingOff),
      ),
    ];
  }

  async append(topic: string, records: readonly AcceptedRecord[], options: AppendOptions): Promise<Receipts> {
    const { deadline } = options;
    if (this.#stopping) throw unreachable("Onramp is stopping");
    if (this.#cluster.downForMs >= DOWN_MS)
      throw unreachable(`No Kafka broker is reachable (${this.#cluster.lastError})`);
    let state = this.#metadata.get(topic) ?? (await this.#metadata.resolve(topic, deadline));
    // Partitions may have been added since: one fresh look before a 404 (kafkajs K6 drops such records).
    if (records.some(({ partition = 0 }) => partition >= state.partitions.length))
      state = await this.#metadata.resolve(topic, deadline);
    if (this.#ids.denied) throw deniedWrite(topic, KafkaCode.CLUSTER_AUTHORIZATION_FAILED);
    return this.#enqueue(state, records, options);
  }

  /** Waits for what is in flight and queued, up to `deadline`; then every caller is answered. */
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
    while (this.#sender.active.size > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    this.#sender.expire(Number.POSITIVE_INFINITY);
    clearInterval(this.#ticker);
    this.#ids.stop();
  }

  #enqueue(topic: TopicState, records: readonly AcceptedRecord[], options: AppendOptions): Promise<Receipts> {
    const lanes = this.#lanesOf(topic);
    const partitions = records.map((record) => this.#partitionOf(topic, lanes, record));
    const faults = faultsOf(topic, records, partitions, options.onBadRecord ? records.length : MOST_DETAILS);
    if (faults.length > 0) {
      if (!options.onBadRecord) throw asOne(faults, records.length);
      return this.#enqueueRest(topic, records, options, faults);
    }
    const { deadline, onQueued } = options;
    return new Promise((resolve) => {
      const pending: Pending = { receipts: new Receipts(records.length), remaining: records.length, resolve };
      const segments = segmentsOf(records, partitions, pending, deadline);
      for (const [partition, { size }] of segments) {
        const held = (lanes[partition] as Lane).bytes;
        // One request alone is bounded by http.maxBody; refusing it would never end.
        if (held > 0 && held + size > this.#options.laneBytes) {
          throw unreachable(`${topic.name}/${partition} has half of http.budget waiting already`);
        }
      }
      for (const [partition, segment] of segments) {
        const lane = lanes[partition] as Lane;
        lane.push(segment);
        this.#sender.active.add(lane);
      }
      this.#schedule();
      onQueued?.();
    });
  }

  /** Without the records that the topic would refuse, which fail alone. */
  async #enqueueRest(
    topic: TopicState,
    records: readonly AcceptedRecord[],
    options: AppendOptions,
    faults: readonly Fault[],
  ): Promise<Receipts> {
    const errors = new Map<number, OnrampError>();
    for (const { index, error_code, message } of faults)
      if (!errors.has(index)) errors.set(index, new OnrampError(error_code, message));
    const rest = records.filter((_, index) => !errors.has(index));
    const receipts = new Receipts(records.length);
    receipts.fill(rest.length > 0 ? await this.#enqueue(topic, rest, options) : new Receipts(0), errors);
    return receipts;
  }

  #lanesOf(topic: TopicState): Lane[] {
    let lanes = this.#lanes.get(topic.name);
    if (!lanes) {
      lanes = [];
      this.#lanes.set(topic.name, lanes);
    }
    while (lanes.length < topic.partitions.length) lanes.push(new Lane(topic.name, lanes.length, this.#host));
    return lanes;
  }

  #partitionOf(topic: TopicState, lanes: readonly Lane[], record: AcceptedRecord): number {
    if (record.partition !== undefined) return record.partition;
    const count = topic.partitions.length;
    if (count === 1) return 0;
    if (record.key !== null) return partitionForKey(record.key, count);
    let sticky = this.#sticky.get(topic.name);
    if (!sticky) {
      sticky = new StickyPartitioner();
      this.#sticky.set(topic.name, sticky);
    }
    const healthy = (partition: number): boolean =>
      (topic.partitions[partition]?.leader ?? -1) >= 0 && !lanes[partition]?.backingOff;
    return sticky.choose(count, healthy, recordSizeBound(record));
  }

  /** After this turn of the event loop, so that requests read in one turn share a batch. */
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

  #tick(): void {
    const now = Date.now();
    this.#sender.expire(now);
    this.#sender.pump();
    if (this.#sender.active.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}
