// Encodes record batches of magic 2 (Kafka's documentation, "Message Format", "Record Batch"). This is the hot path:
// it computes sizes first, copies each value once, and creates no object, promise or closure per record.

import { crc32c } from "./crc32c.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "./varint.ts";
import { writeInt64 } from "./writer.ts";

/** Bytes of the header of a batch. */
export const BATCH_OVERHEAD = 61;
/** The checksum covers the bytes from here to the end of the batch. */
const CRC_FROM = 21;
const NO_EPOCH = -1;
/** Bits of `attributes`. */
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** A record to encode. A null value is a tombstone. */
export interface WireRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly WireHeader[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
}

export interface WireHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** The producer and the first sequence number of a batch. All three are -1 for a producer that is not idempotent. */
export interface BatchIdentity {
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  /** Whether the batch belongs to the producer's transaction. Default: false. */
  readonly transactional?: boolean;
  /** Whether the batch contains a marker of the broker and no records of a client. Default: false. */
  readonly control?: boolean;
}

/** Compresses the records of a batch. */
export interface BatchCompression {
  /** Bits 0 to 2 of `attributes`: 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly attribute: 1 | 2 | 3 | 4;
  compress(records: Buffer): Buffer;
}

/** An upper bound for the size of `record` in a batch, in bytes, at any position in the batch. */
export function recordSizeBound(record: WireRecord): number {
  let size = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers)
    size += 10 + Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  return size;
}

/** The exact size of a batch that contains only `record`, in bytes. */
export function loneBatchSize(record: WireRecord): number {
  const body = bodySize(record, 0, 0);
  return BATCH_OVERHEAD + varintSize(body) + body;
}

/**
 * Encodes a batch into a buffer. Call `begin`, `add` for each record in order, and `finish`; then it can be
 * reused.
 */
export class BatchEncoder {
  #target: Buffer = Buffer.alloc(0);
  #start = 0;
  #at = 0;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  /**
   * Starts a batch.
   *
   * @param target must have room after `at` for `BATCH_OVERHEAD` bytes and the `recordSizeBound` of every
   * record
   * @param at the position in `target` at which the batch starts
   */
  begin(target: Buffer, at: number): void {
    this.#target = target;
    this.#start = at;
    this.#at = at + BATCH_OVERHEAD;
    this.#count = 0;
  }

  add(record: WireRecord): void {
    if (this.#count === 0) {
      this.#baseTimestamp = record.timestamp;
      this.#maxTimestamp = record.timestamp;
    } else if (record.timestamp > this.#maxTimestamp) this.#maxTimestamp = record.timestamp;
    this.#at = writeRecord(
      this.#target,
      this.#at,
      record,
      this.#count,
      record.timestamp - this.#baseTimestamp,
    );
    this.#count++;
  }

  /** Writes the header. @returns the batch: a view of the buffer, or a new buffer if the batch was compressed */
  finish(identity: BatchIdentity, compression?: BatchCompression): Buffer {
    let batch = this.#target.subarray(this.#start, this.#at);
    let attribute = 0;
    if (compression) {
      const compressed = compression.compress(batch.subarray(BATCH_OVERHEAD));
      // Records that do not get smaller are sent uncompressed, so that a batch never exceeds its reserved bytes.
      if (compressed.length < batch.length - BATCH_OVERHEAD) {
        batch = Buffer.concat([batch.subarray(0, BATCH_OVERHEAD), compressed]);
        attribute = compression.attribute;
      }
    }
    if (identity.transactional) attribute |= TRANSACTIONAL;
    if (identity.control) attribute |= CONTROL;
    writeInt64(batch, 0, 0);
    batch.writeInt32BE(batch.length - 12, 8);
    batch.writeInt32BE(NO_EPOCH, 12);
    batch[16] = 2;
    batch.writeInt16BE(attribute, 21);
    batch.writeInt32BE(this.#count - 1, 23);
    writeInt64(batch, 27, this.#baseTimestamp);
    writeInt64(batch, 35, this.#maxTimestamp);
    writeInt64(batch, 43, identity.producerId);
    batch.writeInt16BE(identity.epoch, 51);
    batch.writeInt32BE(identity.sequence, 53);
    batch.writeInt32BE(this.#count, 57);
    batch.writeUInt32BE(crc32c(batch, CRC_FROM), 17);
    return batch;
  }
}

/** Encodes `records` as one batch in a new buffer. For tests and tools. */
export function encodeBatch(
  records: readonly WireRecord[],
  identity?: BatchIdentity,
  compression?: BatchCompression,
): Buffer {
  const size = records.reduce((sum, record) => sum + recordSizeBound(record), BATCH_OVERHEAD);
  const encoder = new BatchEncoder();
  encoder.begin(Buffer.allocUnsafe(size), 0);
  for (const record of records) encoder.add(record);
  return encoder.finish(identity ?? { producerId: -1, epoch: -1, sequence: -1 }, compression);
}

function bodySize(record: WireRecord, offsetDelta: number, timestampDelta: number): number {
  let size =
    1 +
    varlongSize(timestampDelta) +
    varintSize(offsetDelta) +
    bytesSize(record.key) +
    bytesSize(record.value);
  size += varintSize(record.headers.length);
  for (const header of record.headers) {
    const key = Buffer.byteLength(header.key);
    size += varintSize(key) + key + bytesSize(header.value);
  }
  return size;
}

function bytesSize(value: Buffer | null): number {
  return value === null ? 1 : varintSize(value.length) + value.length;
}

function writeRecord(
  target: Buffer,
  from: number,
  record: WireRecord,
  offsetDelta: number,
  timestampDelta: number,
): number {
  let at = writeVarint(target, from, bodySize(record, offsetDelta, timestampDelta));
  target[at++] = 0;
  at = writeVarlong(target, at, timestampDelta);
  at = writeVarint(target, at, offsetDelta);
  at = writeBytes(target, at, record.key);
  at = writeBytes(target, at, record.value);
  at = writeVarint(target, at, record.headers.length);
  for (const header of record.headers) {
    at = writeVarint(target, at, Buffer.byteLength(header.key));
    at += target.write(header.key, at, "utf8");
    at = writeBytes(target, at, header.value);
  }
  return at;
}

function writeBytes(target: Buffer, at: number, value: Buffer | null): number {
  if (value === null) return writeVarint(target, at, -1);
  const from = writeVarint(target, at, value.length);
  target.set(value, from);
  return from + value.length;
}
