// Reads message sets of the formats v0 and v1, which Kafka wrote before version 0.11 and still returns from old logs
// (Kafka's documentation, "Message Format", "Old Message Format").

import { crc32 } from "node:zlib";
import { Reader, TruncatedError } from "./reader.ts";
import type { PlacedRecord } from "./record-batch-reader.ts";
import { type Decoder, ownCopy, type PartLimit } from "./record-decoder.ts";

/** The position of the magic byte in an entry of a log: 0 or 1 for a message, 2 for a record batch. */
const MAGIC_AT = 16;
/** The size of the offset and size fields before a message, in bytes. */
const PREFIX = 12;
/** The checksum covers the message after it. */
const CRC_FROM = 16;
const LOG_APPEND_TIME = 8;

/** A message. Its value is a message set if the message is compressed. */
export interface Message {
  /** The complete message, with its offset and size. */
  readonly bytes: Buffer;
  /** The offset of the message; of the last message in the set if it is compressed. */
  readonly offset: number;
  readonly magic: number;
  readonly crcValid: boolean;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4. */
  readonly compression: number;
  readonly logAppendTime: boolean;
  /** Milliseconds since 1970-01-01 UTC; -1 in the format v0. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/**
 * Returns the size of the entry of a log at `at`, in bytes: a record batch or a message. Undefined when it is incomplete.
 */
export function entrySize(log: Buffer, at: number): number | undefined {
  if (at + MAGIC_AT + 1 > log.length) return undefined;
  const size = PREFIX + log.readInt32BE(at + 8);
  return size > MAGIC_AT && at + size <= log.length ? size : undefined;
}

/** The format of the entry of a log at `at`: 0, 1 or 2. */
export const entryMagic = (log: Buffer, at: number): number => log.readInt8(at + MAGIC_AT);

/** Reads a message. @param bytes the complete message, with its offset and size @throws TruncatedError */
export function readMessage(bytes: Buffer): Message {
  const reader = new Reader(bytes);
  const offset = reader.int64();
  reader.int32();
  const crc = reader.uint32();
  const magic = reader.int8();
  const attributes = reader.int8();
  return {
    bytes,
    offset,
    magic,
    crcValid: crc === crc32(bytes.subarray(CRC_FROM)),
    compression: attributes & 7,
    logAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    timestamp: magic > 0 ? reader.int64() : -1,
    key: reader.nullableBytes(),
    value: reader.nullableBytes(),
  };
}

/** Decodes one message that is not compressed, or the set of a compressed one. */
export class MessageDecoder implements Decoder {
  readonly #outer: Message;
  readonly #content: Buffer;
  /** The difference between the offset of a message in the log and its offset in the set. */
  readonly #base: number;
  #at = 0;

  /**
   * @param content the message itself, or the decompressed set
   * @param last the offset of the last message in the content, as in the content (see `LastOffset`)
   */
  constructor(outer: Message, content: Buffer, last: number) {
    this.#outer = outer;
    this.#content = content;
    // In a set of the format v1 offsets are relative; the compressed message has the offset of the last one.
    this.#base = outer.magic === 1 && outer.compression !== 0 ? outer.offset - last : 0;
  }

  get done(): boolean {
    return this.#at >= this.#content.length;
  }

  sizeOf({ records, bytes }: PartLimit): number {
    let at = this.#at;
    for (let n = 0; n < records && at < this.#content.length; n++) {
      const size = this.#sizeAt(at);
      if (n > 0 && at + size - this.#at > bytes) break;
      at += size;
    }
    return at - this.#at;
  }

  next(size: number): PlacedRecord[] {
    const copy = ownCopy(this.#content, this.#at, size);
    this.#at += size;
    const records: PlacedRecord[] = [];
    for (let at = 0; at < copy.length; ) {
      const entry = entrySize(copy, at) ?? copy.length;
      const message = readMessage(copy.subarray(at, at + entry));
      const { logAppendTime, timestamp } = this.#outer;
      records.push({
        offset: message.offset + this.#base,
        timestamp: logAppendTime ? timestamp : message.timestamp,
        key: message.key,
        value: message.value,
        headers: [],
      });
      at += entry;
    }
    return records;
  }

  #sizeAt(at: number): number {
    return sizeAt(this.#content, at);
  }
}

/** Finds the offset of the last message of a set. A large set is searched in steps. */
export class LastOffset {
  readonly #content: Buffer;
  #at = 0;
  #last = 0;

  constructor(content: Buffer) {
    this.#content = content;
  }

  /** The offset, when `step` has returned true. */
  get value(): number {
    return this.#last;
  }

  /**
   * Moves past at most `messages` messages.
   *
   * @returns true when the end is reached
   * @throws TruncatedError when the set ends in the middle of a message
   */
  step(messages: number): boolean {
    for (let n = 0; n < messages && this.#at < this.#content.length; n++) {
      this.#last = new Reader(this.#content, this.#at).int64();
      this.#at += sizeAt(this.#content, this.#at);
    }
    return this.#at >= this.#content.length;
  }
}

function sizeAt(content: Buffer, at: number): number {
  const size = entrySize(content, at);
  if (size === undefined) throw new TruncatedError("a message set ends in the middle of a message");
  return size;
}
