// Where the edges meet: what the core needs from Kafka, and what HTTP shows of it. `gateway.ts` joins them.

import type { AcceptedRecord, Receipts } from "./record.ts";

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
  readonly each?: boolean;
  /** Called once the records stand in their partitions' queues: what is appended from then on lands behind them. */
  readonly entered?: () => void;
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
  /** A request's records reached the append; `receipts` say what became of each. */
  appended(topic: string, receipts: Receipts, seconds: number): void;
  /** A request was refused as a whole. */
  refused(topic: string, error: unknown, records: number): void;
}

/** A log for operators: fields first, then what happened. Implemented by `ops/log.ts`. */
export interface Log {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}
