// One partition's log: batches in memory, checked on the way in as a real broker checks them.

import { gunzipSync } from "node:zlib";
import { crc32c } from "../wire/crc32c.ts";
import { KafkaCode } from "../wire/error-codes.ts";
import { type Batch, type PlacedRecord, readBatches, readRecords } from "../wire/record-batch-reader.ts";
import { writeInt64 } from "../wire/writer.ts";
import {
  type Appended,
  checkAppend,
  recordsOf,
  refusal,
  type Setting,
  type StoredBatch,
} from "./append-checks.ts";
import { ProducerStates } from "./producer-state.ts";

const LOG_APPEND_TIME = 8;

/** The log of one partition. */
export class PartitionLog {
  readonly leaderEpoch = 0;
  readonly #setting: Setting;
  readonly #producers = new ProducerStates();
  readonly #waiting = new Set<() => void>();
  #batches: StoredBatch[] = [];
  #start = 0;
  #end = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
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

  /** Checks and appends what a Produce request holds for this partition: one batch of magic 2. */
  append(bytes: Buffer, now: number): Appended {
    const checked = checkAppend(bytes, this.#setting, now);
    if ("errorCode" in checked) return checked;
    const { batch, records } = checked;
    const verdict = this.#producers.judge(batch);
    if (!verdict.append) return { ...refusal(verdict.errorCode, null), baseOffset: verdict.baseOffset };
    const appendTime = this.#setting("message.timestamp.type") === "LogAppendTime" ? now : -1;
    const stored = store(batch, records, this.#end, this.leaderEpoch, appendTime);
    this.#producers.noteAppended(batch, this.#end);
    this.#batches.push(stored);
    this.#end = stored.lastOffset + 1;
    for (const wake of this.#waiting) wake();
    return {
      errorCode: KafkaCode.NONE,
      baseOffset: stored.baseOffset,
      logAppendTimeMs: appendTime,
      recordErrors: [],
      errorMessage: null,
      stored,
    };
  }

  /** The error code for a request that names the epoch `current`; less than 0 names none. */
  epochFault(current: number): number {
    if (current < 0 || current === this.leaderEpoch) return KafkaCode.NONE;
    return current < this.leaderEpoch ? KafkaCode.FENCED_LEADER_EPOCH : KafkaCode.UNKNOWN_LEADER_EPOCH;
  }

  /** Batches from the one that holds `offset` on, up to `maxBytes`, at least one. */
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

  /** The first record at or after `timestamp`; undefined when there is none. */
  findByTime(timestamp: number): { offset: number; timestamp: number } | undefined {
    for (const batch of this.#batches) {
      if (batch.maxTimestamp < timestamp || batch.lastOffset < this.#start) continue;
      const [parsed] = readBatches(batch.bytes);
      const records = parsed ? recordsOf(parsed) : undefined;
      if (!Array.isArray(records)) return { offset: batch.baseOffset, timestamp: batch.maxTimestamp };
      const record = records.find(
        (candidate) => candidate.timestamp >= timestamp && candidate.offset >= this.#start,
      );
      if (record) return { offset: record.offset, timestamp: record.timestamp };
    }
    return undefined;
  }

  /** Forgets everything before `offset`. */
  deleteBefore(offset: number): void {
    this.#start = Math.max(this.#start, offset);
    this.#batches = this.#batches.filter((batch) => batch.lastOffset >= this.#start);
  }

  /** Drops batches of which every key has a later record; offsets stay, as compaction leaves them. */
  compact(): void {
    const latest = new Map<string, number>();
    const keys = this.#batches.map((batch) => keysOf(batch, latest));
    this.#batches = this.#batches.filter(
      (_, n) => keys[n]?.some(({ key, offset }) => latest.get(key) === offset) ?? true,
    );
  }

  /** Calls `wake` at every append, until the returned function is called. */
  onAppend(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
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

/** The batch as it stands in the log: its offset, the leader's epoch, and the maximum of its timestamps. */
function store(
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

function keysOf(
  stored: StoredBatch,
  latest: Map<string, number>,
): { key: string; offset: number }[] | undefined {
  const [batch] = readBatches(stored.bytes);
  if (!batch || batch.compression > 1) return undefined;
  return readRecords(batch, (_, packed) => gunzipSync(packed)).map(({ key, offset }) => {
    const text = key?.toString("base64") ?? "";
    latest.set(text, offset);
    return { key: text, offset };
  });
}
