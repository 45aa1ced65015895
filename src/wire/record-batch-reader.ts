// The record batch, magic 2: the read side, for readers of a log and for a broker that checks what it is sent.

import { crc32c } from "./crc32c.ts";
import { Reader, TruncatedError } from "./reader.ts";
import type { WireHeader, WireRecord } from "./record-batch.ts";

/** What a batch says of itself. `bytes` is the whole batch. */
export interface Batch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly magic: number;
  readonly crcValid: boolean;
  readonly compression: number;
  readonly logAppendTime: boolean;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly count: number;
}

/** A record with its place in the log. */
export interface PlacedRecord extends WireRecord {
  readonly offset: number;
}

/** Unpacks the records of a batch by its compression number (1 gzip, 2 snappy, 3 lz4, 4 zstd). */
export type Decompress = (compression: number, packed: Buffer) => Buffer;

/** The batches in `log`, in order. A last one that is cut off, as a Fetch may leave it, is not returned. */
export function* readBatches(log: Buffer): Generator<Batch> {
  for (let at = 0; at + 61 <= log.length; ) {
    const size = 12 + log.readInt32BE(at + 8);
    if (size < 61 || at + size > log.length) return;
    yield readBatch(log.subarray(at, at + size));
    at += size;
  }
}

/**
 * The records of a batch; values are views on its bytes.
 *
 * @throws TruncatedError when the bytes do not hold what the header promises
 */
export function readRecords(batch: Batch, decompress: Decompress = refuse): PlacedRecord[] {
  const packed = batch.bytes.subarray(61);
  const reader = new Reader(batch.compression === 0 ? packed : decompress(batch.compression, packed));
  const records: PlacedRecord[] = [];
  for (let n = 0; n < batch.count; n++) {
    const end = reader.varint() + reader.position;
    reader.int8();
    const timestamp = batch.baseTimestamp + reader.varlong();
    const offset = batch.baseOffset + reader.varint();
    const key = readBytes(reader);
    const value = readBytes(reader);
    const headers: WireHeader[] = [];
    for (let left = reader.varint(); left > 0; left--) {
      const name = readBytes(reader) ?? Buffer.alloc(0);
      headers.push({ key: name.toString("utf8"), value: readBytes(reader) });
    }
    if (reader.position !== end)
      throw new TruncatedError(`record ${n} ends at ${reader.position}, not at ${end}`);
    records.push({
      offset,
      timestamp: batch.logAppendTime ? batch.maxTimestamp : timestamp,
      key,
      value,
      headers,
    });
  }
  if (reader.remaining > 0) throw new TruncatedError(`${reader.remaining} bytes behind the last record`);
  return records;
}

function readBatch(bytes: Buffer): Batch {
  const reader = new Reader(bytes);
  const baseOffset = reader.int64();
  reader.int32();
  const leaderEpoch = reader.int32();
  const magic = reader.int8();
  const crc = reader.uint32();
  const attributes = reader.int16();
  return {
    bytes,
    baseOffset,
    leaderEpoch,
    magic,
    crcValid: crc === crc32c(bytes, 21),
    compression: attributes & 7,
    logAppendTime: (attributes & 8) !== 0,
    transactional: (attributes & 16) !== 0,
    control: (attributes & 32) !== 0,
    lastOffsetDelta: reader.int32(),
    baseTimestamp: reader.int64(),
    maxTimestamp: reader.int64(),
    producerId: reader.int64(),
    epoch: reader.int16(),
    sequence: reader.int32(),
    count: reader.int32(),
  };
}

function readBytes(reader: Reader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.raw(length);
}

function refuse(compression: number): never {
  throw new TruncatedError(`a batch with compression ${compression} and no decompressor for it`);
}
