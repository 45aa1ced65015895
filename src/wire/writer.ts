// Writes Kafka's primitive types to a growing buffer (protocol guide, "Protocol Primitive Types"). Big-endian.

import { writeVarint, writeVarlong } from "./varint.ts";

/** Writes primitive values in sequence. The buffer grows as needed. */
export class Writer {
  /** True for a message of a flexible version (KIP-482): strings, bytes and arrays get compact lengths. */
  flexible = false;
  #buffer: Buffer;
  #at = 0;

  /** @param capacity the initial size of the buffer, in bytes */
  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** The bytes written so far, as a view and not a copy. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  int8(value: number): void {
    this.#at = this.#ensureCapacity(1).writeInt8(value, this.#at);
  }
  int16(value: number): void {
    this.#at = this.#ensureCapacity(2).writeInt16BE(value, this.#at);
  }
  int32(value: number): void {
    this.#at = this.#ensureCapacity(4).writeInt32BE(value, this.#at);
  }
  /** Writes a 64-bit integer. Exact below 2^53. */
  int64(value: number): void {
    this.#at = writeInt64(this.#ensureCapacity(8), this.#at, value);
  }
  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }
  unsignedVarint(value: number): void {
    this.#ensureCapacity(5);
    for (let rest = value; ; rest >>>= 7) {
      this.#buffer[this.#at++] = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest;
      if (rest <= 0x7f) return;
    }
  }
  varint(value: number): void {
    this.#at = writeVarint(this.#ensureCapacity(5), this.#at, value);
  }
  varlong(value: number): void {
    this.#at = writeVarlong(this.#ensureCapacity(10), this.#at, value);
  }
  string(value: string | null): void {
    const size = value === null ? -1 : Buffer.byteLength(value);
    this.#length(size, 2);
    if (value !== null) this.#at += this.#ensureCapacity(size).write(value, this.#at, "utf8");
  }
  nullableBytes(value: Uint8Array | null): void {
    this.#length(value === null ? -1 : value.length, 4);
    if (value !== null) this.raw(value);
  }
  /** Writes the length of an array; -1 for null. */
  arrayLength(length: number): void {
    this.#length(length, 4);
  }
  /** Writes bytes without a length. */
  raw(value: Uint8Array): void {
    this.#ensureCapacity(value.length).set(value, this.#at);
    this.#at += value.length;
  }

  #length(value: number, width: 2 | 4): void {
    if (this.flexible) this.unsignedVarint(value + 1);
    else if (width === 2) this.int16(value);
    else this.int32(value);
  }

  #ensureCapacity(size: number): Buffer {
    if (this.#at + size > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + size));
      this.#buffer.copy(grown, 0, 0, this.#at);
      this.#buffer = grown;
    }
    return this.#buffer;
  }
}

/** Writes a 64-bit big-endian integer at `at`. Exact below 2^53. @returns the position after it */
export function writeInt64(target: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 4294967296);
  target.writeInt32BE(high, at);
  target.writeUInt32BE(value - high * 4294967296, at + 4);
  return at + 8;
}
