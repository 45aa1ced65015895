// Decodes the records of a batch of magic 2, in parts: a large batch is not decoded at once.

import { Reader, TruncatedError } from "./reader.ts";
import type { WireHeader } from "./record-batch.ts";
import type { Batch, PlacedRecord } from "./record-batch-reader.ts";

/**
 * The maximum number of headers of a record. A header of 2 bytes takes about 200 bytes of memory once it is decoded, so a batch within
 * `kafka.maxUnpackedBatch` could take gigabytes.
 */
const MAX_HEADERS = 100_000;

/** Limits for a part of the records of a batch. The first record may exceed `bytes`. */
export interface PartLimit {
  readonly records: number;
  readonly bytes: number;
}

/** Decodes the records of a batch, or of a message set, from the first to the last. */
export interface Decoder {
  readonly done: boolean;
  /** Returns the size of the next part, in bytes. */
  sizeOf(limit: PartLimit): number;
  /**
   * Decodes the next part. Keys and values are views of a copy, so that the records do not keep the whole batch in
   * memory.
   *
   * @param size the result of `sizeOf`
   * @throws TruncatedError when the records are damaged, or one of them has more than 100,000 headers
   */
  next(size: number): PlacedRecord[];
}

/** The decoder of a batch without records for the reader. */
export const NO_RECORDS: Decoder = { done: true, sizeOf: () => 0, next: () => [] };

/** The decoder of a batch. */
export class RecordDecoder implements Decoder {
  readonly end: number;
  readonly #batch: Batch;
  readonly #content: Buffer;
  #at = 0;
  #count = 0;

  /** @param content the records, decompressed */
  constructor(batch: Batch, content: Buffer) {
    this.#batch = batch;
    this.#content = content;
    this.end = content.length;
  }

  get done(): boolean {
    return this.#count >= this.#batch.count;
  }

  sizeOf({ records, bytes }: PartLimit): number {
    const left = Math.min(records, this.#batch.count - this.#count);
    const reader = new Reader(this.#content, this.#at);
    for (let n = 0; n < left; n++) {
      const before = reader.position;
      reader.skip(reader.varint());
      if (n > 0 && reader.position - this.#at > bytes) return before - this.#at;
    }
    return reader.position - this.#at;
  }

  next(size: number): PlacedRecord[] {
    const records: PlacedRecord[] = [];
    const from = this.#at;
    const copy = ownCopy(this.#content, from, size);
    this.#at = from + size;
    this.#decode(new Reader(copy), records);
    return records;
  }

  /** Decodes the records up to the position `to`, and adds them to `records`, as views of the content. */
  read(to: number, records: PlacedRecord[]): void {
    const reader = new Reader(this.#content.subarray(0, to), this.#at);
    this.#at = to;
    this.#decode(reader, records);
  }

  #decode(reader: Reader, records: PlacedRecord[]): void {
    const { baseTimestamp, baseOffset, logAppendTime, maxTimestamp, count } = this.#batch;
    while (this.#count < count && reader.remaining > 0) {
      const end = reader.varint() + reader.position;
      reader.int8();
      const timestamp = baseTimestamp + reader.varlong();
      const offset = baseOffset + reader.varint();
      const key = readBytes(reader);
      const value = readBytes(reader);
      const headers: WireHeader[] = [];
      const headerCount = reader.varint();
      if (headerCount > MAX_HEADERS)
        throw new TruncatedError(
          `the record at offset ${offset} has ${headerCount} headers, and Onramp reads at most ${MAX_HEADERS} per record`,
        );
      for (let left = headerCount; left > 0; left--) {
        const name = readBytes(reader) ?? Buffer.alloc(0);
        headers.push({ key: name.toString("utf8"), value: readBytes(reader) });
      }
      if (reader.position !== end)
        throw new TruncatedError(`record ${this.#count} ends at ${reader.position}, not at ${end}`);
      this.#count++;
      records.push({ offset, timestamp: logAppendTime ? maxTimestamp : timestamp, key, value, headers });
    }
    if (reader.remaining > 0) throw new TruncatedError(`${reader.remaining} bytes follow the last record`);
    if (this.#count < count && this.#at >= this.end)
      throw new TruncatedError(`the batch has ${this.#count} records, but its header says ${count}`);
    if (this.#count >= count && this.#at < this.end)
      throw new TruncatedError(`${this.end - this.#at} bytes follow the last record`);
  }
}

/** Copies a part of `bytes` to memory of its own. A small `Buffer.from` retains 8 KB of Node's pool. */
export function ownCopy(bytes: Buffer, from: number, size: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(size);
  bytes.copy(copy, 0, from, from + size);
  return copy;
}

function readBytes(reader: Reader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.raw(length);
}
