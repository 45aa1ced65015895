// Where the edges meet: what the core needs from Kafka, and what HTTP shows of it. `gateway.ts` joins them.

import type { AcceptedRecord, Header, Receipts } from "./record.ts";

/** The way to Kafka for records. Implemented by `kafka/producer.ts`, called by `ingest` alone. */
export interface RecordLog {
  /**
   * Appends records to a topic, in order per partition, and resolves when the outcome of every one is known or the
   * deadline has passed.
   *
   * @throws OnrampError when the whole request failed before anything was written (4xx, 503)
   */
  append(topic: string, records: readonly AcceptedRecord[], options: AppendOptions): Promise<Receipts>;
}

export interface AppendOptions {
  /** When the caller must be answered (ms, clock of `Date.now`). */
  readonly deadline: number;
  /** A record that the topic would refuse fails alone; by default it fails its whole request. */
  readonly onBadRecord?: "continue";
  /** Called once the records stand in their partitions' queues: what is appended from then on lands behind them. */
  readonly onQueued?: () => void;
}

/** A record as it stands in Kafka. */
export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

/**
 * Takes records of one partition, in order, the first of them at least. Called again for a partition only when its
 * last call has resolved, and for several partitions at once.
 *
 * @param records what has been fetched and not been taken; the first is next
 * @param ending aborted when the partition goes to somebody else, or the process stops: nothing new is to be begun
 * @param signal aborted some seconds later: what was begun has had its time
 * @returns how many were taken for good: their offset is committed before the next call
 * @throws what ended it; nothing is committed, and the record comes again
 */
export type RecordHandler = (
  records: readonly ConsumedRecord[],
  ending: AbortSignal,
  signal: AbortSignal,
) => Promise<number>;

/** Where a partition of a feed stands. */
export interface FeedPosition {
  readonly topic: string;
  readonly partition: number;
  /** The offset of the next record. */
  readonly position: number;
  /** Records that wait: from the position to the partition's end. Undefined until the first fetch. */
  readonly lag: number | undefined;
}

/** Records of topics, shared among all who read in the name of the same group. Implemented by `kafka/consumer.ts`. */
export interface RecordFeed {
  /** Reads until `signal` is aborted; whatever goes wrong meanwhile is tried again. */
  run(handler: RecordHandler, signal: AbortSignal): Promise<void>;
  /** The partitions that are ours now. */
  readonly positions: readonly FeedPosition[];
  /** Why nothing is read at the moment; undefined when all is well. */
  readonly trouble: string | undefined;
}

/** What HTTP shows of the cluster. Implemented by `kafka/metadata.ts`. */
export interface TopicCatalog {
  /** Names of all topics that Kafka shows us. @throws OnrampError 50301 */
  names(): Promise<string[]>;
  /** One topic. @throws OnrampError 40401, 40301, 50301 */
  describe(topic: string): Promise<TopicDescription>;
}

export interface TopicDescription {
  readonly name: string;
  readonly configs: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionDescription[];
}

export interface PartitionDescription {
  readonly partition: number;
  /** Node id, or -1 while there is none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** What a part of the process says of itself on `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
}

/** Counts what happens to records. Implemented by `ops/metrics.ts`. */
export interface Meter {
  /** Called once per request or group of lines whose records reached the append; `receipts` has their outcomes. */
  countAppended(topic: string, receipts: Receipts, seconds: number): void;
  /** Called once per request that was refused as a whole. */
  countRefused(topic: string, error: unknown, records: number): void;
}

/** A metric that a part of the process provides: it is read at each scrape. */
export interface MetricSource {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly labels: readonly string[];
  read(): Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>;
}

/** A gauge without labels. */
export function gauge(name: string, help: string, value: () => number): MetricSource {
  return { name, help, type: "gauge", labels: [], read: () => [{ labels: {}, value: value() }] };
}

/** A log for operators: first the fields, then the event. Implemented by `ops/log.ts`. */
export interface Log {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}
