// The contracts of streams of events: what `live/` needs from Kafka and from `http/`, and what it offers to `http/`.

import type { ConsumedRecord } from "./ports.ts";

/** The next offset of a partition, and the leader epoch of the record before it (-1 if it is not known). */
export interface PartitionOffset {
  /** Negative while the offset is not known, because the partition has no leader: see `offsetForTime`. */
  readonly offset: number;
  readonly epoch: number;
}

/**
 * Returns the negative number that replaces an offset that is not known yet: that of the first record with this timestamp
 * (milliseconds) or a later one.
 */
export const offsetForTime = (ms: number): number => -1 - ms;
/** The time for which `offsetForTime` returned a negative offset. */
export const timeOfOffset = (offset: number): number => -1 - offset;
/** The first record of a partition whose first offset is not known yet. */
export const FROM_FIRST: PartitionOffset = { offset: offsetForTime(0), epoch: -1 };

/** The current state of a topic. */
export interface FollowedTopic {
  /** Identifies the topic; a topic that is recreated gets another id. Undefined before Kafka 2.8. */
  readonly id: string | undefined;
  /** The position of each partition at which following begins. */
  readonly starts: readonly PartitionOffset[];
}

/** Receives what happens at the end of a topic, in order per partition. Implemented by `live/hub.ts`. */
export interface TailListener {
  /**
   * @param records may be empty, because control records and aborted transactions are left out
   * @param next the position after the records
   */
  onRecords(partition: number, records: readonly ConsumedRecord[], next: PartitionOffset): void;
  /** The offset of a partition that had no leader, or was added, is known now. */
  onStart(partition: number, start: PartitionOffset): void;
  /** Retention removed the records from the position up to `to` before they were read. */
  onGap(partition: number, to: PartitionOffset): void;
  /** The log lost records that were read; it continues at `to`. */
  onTruncated(partition: number, to: PartitionOffset): void;
  /** The topic was deleted and created again. */
  onRecreated(topic: FollowedTopic): void;
  /** The topic does not exist any more. The last call. */
  onDeleted(): void;
  /** Whether a partition cannot be read now. */
  onBlocked(partition: number, blocked: boolean): void;
}

/** The part of a partition to read. */
export interface PartitionRange {
  readonly partition: number;
  readonly from: PartitionOffset;
  /** Exclusive. */
  readonly to: number;
}

/** Handles records of one partition. The next records follow when it resolves. @throws to end the read */
export type RangeHandler = (
  partition: number,
  records: readonly ConsumedRecord[],
  epoch: number,
) => Promise<void>;

/**
 * A partition that cannot be read from a position on:
 * - `gap`: retention removed the records up to `to`
 * - `truncated`: the log lost records, or does not have the epoch of the position; it continues at `to`
 * - `recreated`: the topic was recreated, or does not exist
 * - `blocked`: it cannot be read now
 */
export class RangeFailure extends Error {
  override readonly name = "RangeFailure";
  readonly partition: number;
  readonly reason: "gap" | "truncated" | "recreated" | "blocked";
  readonly to: PartitionOffset | undefined;

  constructor(
    partition: number,
    reason: RangeFailure["reason"],
    options: { readonly to?: PartitionOffset | undefined; readonly cause?: unknown } = {},
  ) {
    super(`partition ${partition}: ${reason}`, { cause: options.cause });
    this.partition = partition;
    this.reason = reason;
    this.to = options.to;
  }
}

/** Reads topics for streams of events. Implemented by `kafka/consume/topic-tails.ts`. */
export interface TopicTails {
  /**
   * Follows the end of a topic until `signal` is aborted. A process follows a topic once at a time.
   *
   * @returns where each partition begins; partitions whose offset cannot be read within a second are followed later
   * @throws OnrampError 40401, 40301, 50301
   */
  follow(topic: string, listener: TailListener, signal: AbortSignal): Promise<FollowedTopic>;
  /**
   * Asks Kafka for the id and the number of partitions of a topic, which `follow` reports up to 5 s later.
   *
   * @returns undefined when Kafka does not answer, or has no such topic
   */
  current(
    topic: string,
  ): Promise<{ readonly id: string | undefined; readonly partitionCount: number } | undefined>;
  /**
   * Finds the offset of the first record, or of the first one from a time on (milliseconds): the end, if there is none.
   * Partitions whose offset cannot be read now are absent.
   */
  offsets(
    topic: string,
    partitions: readonly number[],
    at: "earliest" | number,
  ): Promise<ReadonlyMap<number, PartitionOffset>>;
  /**
   * Compares positions with the log.
   *
   * @returns `truncated`: the partitions whose log lost records before the position, and where each continues; `unknown`: the
   * partitions that cannot be compared now
   */
  truncations(
    topic: string,
    positions: ReadonlyMap<number, PartitionOffset>,
  ): Promise<{
    readonly truncated: ReadonlyMap<number, PartitionOffset>;
    readonly unknown: ReadonlySet<number>;
  }>;
  /**
   * Reads ranges concurrently, each in order.
   *
   * @param topicId the topic to which the offsets belong
   * @throws RangeFailure; what the handler throws; the reason of `signal`
   */
  read(
    topic: string,
    topicId: string | undefined,
    ranges: readonly PartitionRange[],
    handler: RangeHandler,
    signal: AbortSignal,
  ): Promise<void>;
}

/** The representation of events. Implemented by `http/events/`. Texts have one latin1 character per byte. */
export interface EventFormat {
  /** Streams with equal names share what is rendered. */
  readonly name: string;
  /** The text before the id of an event, and after it. */
  readonly idStart: string;
  readonly idEnd: string;
  /** The rest of the event of a record. */
  record(record: ConsumedRecord): string;
  /** The rest of a named event. @param data a value for JSON */
  named(event: string, data: object): string;
  /** The reconnection time, as a part of the stream that has no event. */
  retry(ms: number): string;
}

/** Where a stream begins. A position overrides the others. */
export interface StreamStart {
  readonly at: "latest" | "earliest" | { readonly last: number } | { readonly time: number };
  /** The text of a position, as it was sent. */
  readonly position: string | undefined;
}

/** The maximum number of topics of a stream. */
export const MAX_TOPICS = 50;

/** The request of a client for a stream. */
export interface StreamRequest {
  readonly topics: readonly string[];
  readonly partition: number | undefined;
  /** Only the records with this key. */
  readonly key: Buffer | undefined;
  /** JSONata. */
  readonly filter: string | undefined;
  readonly start: StreamStart;
  readonly format: EventFormat;
}

/** The connection of a client. Implemented by `http/events/output.ts`. */
export interface EventOutput {
  /** Writes bytes, which the caller does not change afterwards. While `isBlocked`, they wait for the bytes before them. */
  write(bytes: Buffer): void;
  /** Whether the client has not taken everything that was written. `onDrain` is called when it has. */
  readonly isBlocked: boolean;
  /** When the client took bytes for the last time, in milliseconds (`Date.now`). */
  readonly tookAt: number;
  /** Set by the stream. */
  onDrain: () => void;
  /** Ends the response. Destroys the connection if the client does not take the rest. */
  end(): void;
}

/** A stream that is open. */
export interface OpenStream {
  /** Sends the first event, and then all others. Called once, after the head of the response was written. */
  start(output: EventOutput): void;
  /** Called when the connection was closed. */
  close(): void;
  /** Ends the stream with a goodbye. */
  end(reason: string, message: string): void;
}

/** Streams of events. Implemented by `live/streams.ts`. */
export interface LiveStreams {
  /**
   * Opens a stream. In a temporary condition, a request with a position gets a stream that ends at once or waits.
   *
   * @throws OnrampError 40001, 40301, 40401, 40402; without a position also 50301
   */
  open(request: StreamRequest): Promise<OpenStream>;
}
