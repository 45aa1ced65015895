// The record batch, magic 2 (Kafka's "Record Batch" in its message format page): the write side.
// This is the hot path: no object, promise or closure a record; sizes first, then one copy of each value.

import { crc32c } from "./crc32c.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "./varint.ts";
import { writeInt64 } from "./writer.ts";

/** Bytes of a batch before its records. */
export const BATCH_OVERHEAD = 61;
const CRC_FROM = 21;
const NO_EPOCH = -1;

/** One record as it goes into a batch. A null value is a tombstone. */
export interface WireRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly WireHeader[];
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

export interface WireHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** Who writes a batch, and at which sequence; -1 throughout means without idempotence. */
export interface BatchIdentity {
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** A codec of `attributes` bits 0-2: 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export interface BatchCompression {
  readonly attribute: 1 | 2 | 3 | 4;
  compress(records: Buffer): Buffer;
}

/** The most bytes that `record` can take inside a batch, whatever its place there. */
export function recordSizeBound(record: WireRecord): number {
  let size = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers)
    size += 10 + Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  return size;
}

/** The exact bytes that a batch of `record` alone takes. */
export function loneBatchSize(record: WireRecord): number {
  const body = bodySize(record, 0, 0);
  return BATCH_OVERHEAD + varintSize(body) + body;
}

/** Encodes one batch into a buffer: `begin`, `add` each record in order, `finish`. Reusable after `finish`. */
export class BatchEncoder {
  #target: Buffer = Buffer.alloc(0);
  #start = 0;
  #at = 0;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  /** @param at where in `target` the batch starts; room for the bounds of all records and the overhead must follow */
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

  /** Writes the batch's header and returns the batch's bytes (a view, unless compression made it new). */
  finish(identity: BatchIdentity, compression?: BatchCompression): Buffer {
    let batch = this.#target.subarray(this.#start, this.#at);
    let attribute = 0;
    if (compression) {
      const packed = compression.compress(batch.subarray(BATCH_OVERHEAD));
      // What does not shrink travels as it is, so that a batch never outgrows the room that was made for it.
      if (packed.length < batch.length - BATCH_OVERHEAD) {
        batch = Buffer.concat([batch.subarray(0, BATCH_OVERHEAD), packed]);
        attribute = compression.attribute;
      }
    }
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

/** Encodes a batch of `records` on its own; for tests and tools. */
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
