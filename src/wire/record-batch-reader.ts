// Decodes record batches of magic 2. The consumer reads fetched batches with it, and the development broker checks the
// batches that producers send.

import { crc32c } from "./crc32c.ts";
import { Reader, TruncatedError } from "./reader.ts";
import { BATCH_OVERHEAD, type WireRecord } from "./record-batch.ts";
import { RecordDecoder } from "./record-decoder.ts";

/** The header of a batch, decoded. */
export interface Batch {
  /** The complete batch, with its header. */
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

/** A record with its offset in the partition. */
export interface PlacedRecord extends WireRecord {
  readonly offset: number;
}

/** Decompresses the records of a batch. `compression` is 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd). */
export type Decompress = (compression: number, compressed: Buffer) => Buffer;

/** Reads the batches in `log`, in order. An incomplete last batch, which a Fetch response may contain, is left out. */
export function* readBatches(log: Buffer): Generator<Batch> {
  for (let at = 0; at + BATCH_OVERHEAD <= log.length; ) {
    const size = 12 + log.readInt32BE(at + 8);
    if (size < BATCH_OVERHEAD || at + size > log.length) return;
    yield readBatch(log.subarray(at, at + size));
    at += size;
  }
}

/**
 * Decodes the records of a batch. Keys and values are views of its bytes, or of the decompressed bytes.
 *
 * @param decompress called for a compressed batch. Default: throws TruncatedError
 * @throws TruncatedError when the records do not match the header of the batch
 */
export function readRecords(batch: Batch, decompress: Decompress = withoutDecompressor): PlacedRecord[] {
  const content = batch.bytes.subarray(BATCH_OVERHEAD);
  const decoder = new RecordDecoder(
    batch,
    batch.compression === 0 ? content : decompress(batch.compression, content),
  );
  const records: PlacedRecord[] = [];
  while (!decoder.done) decoder.read(decoder.end, records);
  return records;
}

/** Reads the header of a batch. @param bytes the complete batch @throws TruncatedError */
export function readBatch(bytes: Buffer): Batch {
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

function withoutDecompressor(compression: number): never {
  throw new TruncatedError(`a batch has compression ${compression}, and no decompressor is given`);
}
