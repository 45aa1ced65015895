// The interfaces between parts of the process that do not know each other, such as `http/` and `kafka/`.
// `app/` connects the parts.

import type { OnrampError } from "./errors.ts";
import type { AcceptedRecord, Header, Receipts } from "./record.ts";

/** Writes records to Kafka. Implemented by `kafka/produce/producer.ts`. */
export interface RecordLog {
  /**
   * Appends records to a topic, in order per partition. Called only by `core/ingest.ts`; calls
   * may be concurrent. Resolves when the outcome of every record is known. At the deadline, records that were
   * not sent fail with 50301 or 50302; records that were sent and not acknowledged fail with 50401. Without records, only
   * checks that the topic exists and that Kafka can be used, and calls `onQueued`.
   *
   * @throws OnrampError when the whole request failed before anything was written (4xx, 503): the caller
   *   passes it on
   */
  append(topic: string, records: readonly AcceptedRecord[], options: AppendOptions): Promise<Receipts>;
  /**
   * Returns the error 41301 that `append` would report for a value of this size, as far as it is known without a request to
   * Kafka. Called before a value is parsed. Without this function, only `append` compares sizes.
   *
   * @param bytes the size of the value
   */
  sizeProblem?(topic: string, bytes: number): OnrampError | undefined;
}

export interface AppendOptions {
  /** The time by which `append` must resolve (milliseconds, `Date.now`). */
  readonly deadline: number;
  /**
   * The effect of records that the topic would refuse. `continue`: only these records fail. Default: the
   * whole request fails.
   */
  readonly onBadRecord?: "continue";
  /** Compresses the records, also if the configuration does not compress batches. */
  readonly compress?: true;
  /**
   * Called once when the records are in the queues of their partitions: records appended later come after
   * them.
   */
  readonly onQueued?: () => void;
}

/** A record that was read from Kafka. */
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
 * Handles records of one partition: the first record, and optionally records after it. Called in the order of
 * the offsets, with at most one call per partition at a time; calls for different partitions are concurrent.
 *
 * @param records all records that were fetched and not handled yet; at least one
 * @param stopping aborted when the partition is revoked or the process stops: the handler starts nothing new
 * @param cancel aborted a few seconds after `stopping`: the handler ends its work at once
 * @returns the number of handled records, at least 1; a consumer commits them before its next call
 * @throws any error: a consumer commits nothing, and the record is handled again, by this or another member
 */
export type RecordHandler = (
  records: readonly ConsumedRecord[],
  stopping: AbortSignal,
  cancel: AbortSignal,
) => Promise<number>;

/** The position of a feed in one partition. */
export interface FeedPosition {
  readonly topic: string;
  readonly partition: number;
  /** The offset of the next record. */
  readonly position: number;
  /** The number of offsets from the position to the partition's end. Null while the end is not known. */
  readonly lag: number | null;
  /** Why the partition makes no progress; absent when it does. */
  readonly error?: string;
}

/** A reason why a partition, a topic, or the whole feed makes no progress. */
export interface BlockedReason {
  /** When it began, in milliseconds (`Date.now`). */
  readonly since: number;
  /** Names the topic, the partition, the code with its name, and the next step. */
  readonly message: string;
}

/** Reads topics as a member of a consumer group. Implemented by `kafka/consume/consumer.ts`. */
export interface RecordFeed {
  /**
   * Reads until `signal` is aborted. Called once. Retries after every error, including errors of the handler.
   */
  run(handler: RecordHandler, signal: AbortSignal): Promise<void>;
  /** Whether this member has an assignment, which may be empty. */
  readonly isAssigned: boolean;
  /** The partitions that this member reads now. */
  readonly positions: readonly FeedPosition[];
  /** The number of assigned partitions that are not read yet, because their position is not known. */
  readonly notStarted: number;
  /** What cannot be read or committed now, the oldest first. */
  readonly blockedReasons: readonly BlockedReason[];
  /** The number of partitions that make no progress; at least 1 when the whole feed makes none. */
  readonly blocked: number;
}

/**
 * Describes topics. Implemented by `kafka/client/metadata.ts`, called by `http/metadata.ts` once per request.
 */
export interface TopicCatalog {
  /** @returns the names of all topics that Kafka shows to Onramp @throws OnrampError 50301 */
  names(): Promise<readonly string[]>;
  /** Describes one topic. @throws OnrampError 40401, 40301, 50301 */
  describe(topic: string): Promise<TopicDescription>;
}

export interface TopicDescription {
  readonly name: string;
  readonly configs: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionDescription[];
}

export interface PartitionDescription {
  readonly partition: number;
  /** The id of the broker; -1 while the partition has no leader. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** The state of one part of the process, as `/readyz` shows it. */
export interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
}

/** Counts what happens to records. Implemented by `ops/metrics.ts`. */
export interface Meter {
  /** Called once per request, or per group of lines, when the outcomes of its records are known. */
  countAppended(topic: string, receipts: Receipts, seconds: number): void;
  /**
   * Called for every request that failed as a whole; an error that was counted before is not counted again.
   */
  countRefused(topic: string, error: unknown, records: number): void;
}

/** A metric of a part of the process. */
export interface MetricSource {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly labels: readonly string[];
  /** Called at each scrape. */
  read(): Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>;
}

/** A gauge without labels. */
export function gauge(name: string, help: string, value: () => number): MetricSource {
  return { name, help, type: "gauge", labels: [], read: () => [{ labels: {}, value: value() }] };
}

/** The log for operators. Implemented by `ops/log.ts`. */
export interface Log {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}
