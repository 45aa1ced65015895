// Stores the log of one partition in memory: appends, reads, looks up and deletes batches.

import { encodeMarker, type Marker } from "../wire/control-batch.ts";
import { crc32c } from "../wire/crc32c.ts";
import { KafkaCode } from "../wire/error-codes.ts";
import { type Batch, type PlacedRecord, readBatch, readBatches } from "../wire/record-batch-reader.ts";
import { writeInt64 } from "../wire/writer.ts";
import {
  type AppendResult,
  type ConfigReader,
  checkAppend,
  decodeRecords,
  rejected,
  type StoredBatch,
} from "./append-checks.ts";
import { compacted } from "./compaction.ts";
import { ProducerStates } from "./producer-state.ts";
import { type AbortedTransaction, TransactionIndex } from "./transaction-index.ts";

const LOG_APPEND_TIME = 8;
/** The isolation level of readers that get no records of open and aborted transactions. */
export const READ_COMMITTED = 1;

/** The log of one partition. */
export class PartitionLog {
  readonly #config: ConfigReader;
  readonly #producers = new ProducerStates();
  #transactions = new TransactionIndex();
  readonly #listeners = new Set<() => void>();
  #batches: StoredBatch[] = [];
  #start = 0;
  #end = 0;
  /** The first offset of each leader epoch, beginning with epoch 0. */
  #epochStarts = [0];

  constructor(config: ConfigReader) {
    this.#config = config;
  }

  get leaderEpoch(): number {
    return this.#epochStarts.length - 1;
  }
  get startOffset(): number {
    return this.#start;
  }
  get highWatermark(): number {
    return this.#end;
  }
  /** The end for readers with the isolation level read_committed: the first offset of the open transactions. */
  get lastStableOffset(): number {
    return Math.max(this.#transactions.firstOpen ?? this.#end, this.#start);
  }
  get batches(): readonly StoredBatch[] {
    return this.#batches;
  }

  /**
   * Checks and appends the bytes that a Produce request contains for this partition: one batch of magic 2.
   *
   * @param now milliseconds since 1970-01-01 UTC
   */
  append(bytes: Buffer, now: number): AppendResult {
    const checked = checkAppend(bytes, this.#config, now);
    if ("errorCode" in checked) return checked;
    const { batch, records } = checked;
    const check = this.#producers.check(batch);
    if (!check.append) return { ...rejected(check.errorCode, null), baseOffset: check.baseOffset };
    if (!batch.transactional && this.#transactions.hasOpen(batch.producerId))
      return rejected(KafkaCode.INVALID_TXN_STATE, "The producer has an open transaction in this partition");
    this.#producers.add(batch, this.#end);
    const appendTime = this.#appendTime(now);
    const stored = this.#store(batch, records, appendTime);
    return {
      errorCode: KafkaCode.NONE,
      baseOffset: stored.baseOffset,
      logAppendTimeMs: appendTime,
      recordErrors: [],
      errorMessage: null,
      stored,
    };
  }

  /** Appends the marker of a transaction. @param now milliseconds since 1970-01-01 UTC */
  appendMarker(marker: Marker, now: number): StoredBatch {
    this.#producers.fence(marker);
    return this.#store(readBatch(encodeMarker(marker, now)), undefined, this.#appendTime(now));
  }

  /** The error code for a request with the leader epoch `current`; 0 when the epoch is right or negative. */
  epochErrorCode(current: number): number {
    if (current < 0 || current === this.leaderEpoch) return KafkaCode.NONE;
    return current < this.leaderEpoch ? KafkaCode.FENCED_LEADER_EPOCH : KafkaCode.UNKNOWN_LEADER_EPOCH;
  }

  /**
   * Returns batches before the offset `end`, beginning with the one that contains `offset`: at most `maxBytes`, but at
   * least one batch if there is one.
   */
  read(offset: number, end: number, maxBytes: number): StoredBatch[] {
    const found: StoredBatch[] = [];
    let size = 0;
    for (let at = this.#indexOf(offset); at < this.#batches.length; at++) {
      const batch = this.#batches[at] as StoredBatch;
      if (batch.lastOffset >= end || (found.length > 0 && size + batch.bytes.length > maxBytes)) break;
      found.push(batch);
      size += batch.bytes.length;
    }
    return found;
  }

  /** The aborted transactions with offsets from `from` to `to` (exclusive). */
  abortedBetween(from: number, to: number): AbortedTransaction[] {
    return this.#transactions.abortedBetween(from, to);
  }

  /** Finds the first record with `timestamp` or a later one. Returns undefined when there is none. */
  findByTime(timestamp: number): { offset: number; timestamp: number } | undefined {
    for (const batch of this.#batches) {
      if (batch.maxTimestamp < timestamp || batch.lastOffset < this.#start) continue;
      const [parsed] = readBatches(batch.bytes);
      const records = parsed ? decodeRecords(parsed) : undefined;
      if (!Array.isArray(records)) return { offset: batch.baseOffset, timestamp: batch.maxTimestamp };
      const record = records.find(
        (candidate) => candidate.timestamp >= timestamp && candidate.offset >= this.#start,
      );
      if (record) return { offset: record.offset, timestamp: record.timestamp };
    }
    return undefined;
  }

  /**
   * Returns the largest leader epoch up to `epoch` and the offset at which it ends; undefined for an epoch after the
   * current one.
   */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    if (epoch < 0 || epoch > this.leaderEpoch) return undefined;
    return { epoch, endOffset: this.#epochStarts[epoch + 1] ?? this.#end };
  }

  /** Loses the records from `offset` on and begins another leader epoch, as an unclean leader election does. */
  truncate(offset: number): void {
    this.#batches = this.#batches.filter((batch) => batch.lastOffset < offset);
    this.#end = Math.min(this.#end, offset);
    this.#transactions = new TransactionIndex();
    for (const batch of this.#batches) this.#transactions.add(readBatch(batch.bytes), batch);
    this.#epochStarts = [...this.#epochStarts.map((start) => Math.min(start, this.#end)), this.#end];
    for (const listener of this.#listeners) listener();
  }

  /** Deletes the records before `offset`. */
  deleteBefore(offset: number): void {
    this.#start = Math.max(this.#start, offset);
    this.#batches = this.#batches.filter((batch) => batch.lastOffset >= this.#start);
    this.#transactions.deleteBefore(this.#start);
  }

  /** Deletes the batches in which every key has a later record. The offsets of other records do not change. */
  compact(): void {
    this.#batches = compacted(this.#batches, this.lastStableOffset, this.#transactions);
  }

  /** Calls `listener` after every append, until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The timestamp of an append in a topic with LogAppendTime; -1 for CreateTime. */
  #appendTime(now: number): number {
    return this.#config("message.timestamp.type") === "LogAppendTime" ? now : -1;
  }

  #store(batch: Batch, records: readonly PlacedRecord[] | undefined, appendTime: number): StoredBatch {
    const stored = toStoredBatch(batch, records, this.#end, this.leaderEpoch, appendTime);
    this.#transactions.add(batch, stored);
    this.#batches.push(stored);
    this.#end = stored.lastOffset + 1;
    for (const listener of this.#listeners) listener();
    return stored;
  }

  #indexOf(offset: number): number {
    let [low, high] = [0, this.#batches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#batches[middle] as StoredBatch).lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The end of a log for an isolation level: 0 is read_uncommitted, and 1 is read_committed. */
export function endFor(log: PartitionLog, isolationLevel: number): number {
  return isolationLevel === READ_COMMITTED ? log.lastStableOffset : log.highWatermark;
}

/**
 * Copies a batch and sets the fields that the broker sets: base offset, leader epoch, timestamp type, maximum timestamp
 * and checksum.
 *
 * @param appendTime the timestamp of a topic with LogAppendTime; -1 for CreateTime
 */
function toStoredBatch(
  batch: Batch,
  records: readonly PlacedRecord[] | undefined,
  baseOffset: number,
  leaderEpoch: number,
  appendTime: number,
): StoredBatch {
  const bytes = Buffer.from(batch.bytes);
  writeInt64(bytes, 0, baseOffset);
  bytes.writeInt32BE(leaderEpoch, 12);
  const maxTimestamp =
    appendTime >= 0
      ? appendTime
      : (records?.reduce((most, record) => Math.max(most, record.timestamp), -1) ?? batch.maxTimestamp);
  if (appendTime >= 0) bytes.writeInt16BE(bytes.readInt16BE(21) | LOG_APPEND_TIME, 21);
  writeInt64(bytes, 35, maxTimestamp);
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return { bytes, baseOffset, lastOffset: baseOffset + batch.lastOffsetDelta, maxTimestamp };
}
