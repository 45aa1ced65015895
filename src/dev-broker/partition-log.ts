// Stores the log of one partition in memory: appends, reads, looks up and deletes batches.

import { gunzipSync } from "node:zlib";
import { crc32c } from "../wire/crc32c.ts";
import { KafkaCode } from "../wire/error-codes.ts";
import { type Batch, type PlacedRecord, readBatches, readRecords } from "../wire/record-batch-reader.ts";
import { writeInt64 } from "../wire/writer.ts";
import {
  type AppendResult,
  type ConfigReader,
  checkAppend,
  decodeRecords,
  rejected,
  type StoredBatch,
} from "./append-checks.ts";
import { ProducerStates } from "./producer-state.ts";

const LOG_APPEND_TIME = 8;

/** The log of one partition. */
export class PartitionLog {
  readonly #config: ConfigReader;
  readonly #producers = new ProducerStates();
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
    const appendTime = this.#config("message.timestamp.type") === "LogAppendTime" ? now : -1;
    const stored = toStoredBatch(batch, records, this.#end, this.leaderEpoch, appendTime);
    this.#producers.add(batch, this.#end);
    this.#batches.push(stored);
    this.#end = stored.lastOffset + 1;
    for (const listener of this.#listeners) listener();
    return {
      errorCode: KafkaCode.NONE,
      baseOffset: stored.baseOffset,
      logAppendTimeMs: appendTime,
      recordErrors: [],
      errorMessage: null,
      stored,
    };
  }

  /** The error code for a request with the leader epoch `current`; 0 when the epoch is right or negative. */
  epochErrorCode(current: number): number {
    if (current < 0 || current === this.leaderEpoch) return KafkaCode.NONE;
    return current < this.leaderEpoch ? KafkaCode.FENCED_LEADER_EPOCH : KafkaCode.UNKNOWN_LEADER_EPOCH;
  }

  /**
   * Returns batches, beginning with the one that contains `offset`: at most `maxBytes`, but at least one
   * batch if there is one.
   */
  read(offset: number, maxBytes: number): Buffer[] {
    const found: Buffer[] = [];
    let size = 0;
    for (let at = this.#indexOf(offset); at < this.#batches.length; at++) {
      const { bytes } = this.#batches[at] as StoredBatch;
      if (found.length > 0 && size + bytes.length > maxBytes) break;
      found.push(bytes);
      size += bytes.length;
    }
    return found;
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
    this.#epochStarts = [...this.#epochStarts.map((start) => Math.min(start, this.#end)), this.#end];
    for (const listener of this.#listeners) listener();
  }

  /** Deletes the records before `offset`. */
  deleteBefore(offset: number): void {
    this.#start = Math.max(this.#start, offset);
    this.#batches = this.#batches.filter((batch) => batch.lastOffset >= this.#start);
  }

  /** Deletes the batches in which every key has a later record. The offsets of other records do not change. */
  compact(): void {
    const latest = new Map<string, number>();
    const keys = this.#batches.map((batch) => keysOf(batch, latest));
    this.#batches = this.#batches.filter(
      (_, n) => keys[n]?.some(({ key, offset }) => latest.get(key) === offset) ?? true,
    );
  }

  /** Calls `listener` after every append, until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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

/**
 * Returns the keys of a batch with their offsets, and stores them in `latest`. Returns undefined for a codec
 * other than gzip.
 */
function keysOf(
  stored: StoredBatch,
  latest: Map<string, number>,
): { key: string; offset: number }[] | undefined {
  const [batch] = readBatches(stored.bytes);
  if (!batch || batch.compression > 1) return undefined;
  return readRecords(batch, (_, compressed) => gunzipSync(compressed)).map(({ key, offset }) => {
    const text = key?.toString("base64") ?? "";
    latest.set(text, offset);
    return { key: text, offset };
  });
}
