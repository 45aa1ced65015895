// A growing buffer with Kafka's primitive types (protocol guide, "Protocol Primitive Types"). Big-endian.

import { writeVarint, writeVarlong } from "./varint.ts";

/** Writes primitives one after the other; grows as needed. */
export class Writer {
  /** True while a message of a flexible version (KIP-482) is written: strings, bytes and arrays are compact. */
  flexible = false;
  #buffer: Buffer;
  #at = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** What has been written, without a copy. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  int8(value: number): void {
    this.#at = this.#room(1).writeInt8(value, this.#at);
  }
  int16(value: number): void {
    this.#at = this.#room(2).writeInt16BE(value, this.#at);
  }
  int32(value: number): void {
    this.#at = this.#room(4).writeInt32BE(value, this.#at);
  }
  /** A 64-bit integer from a JavaScript number; exact below 2^53. */
  int64(value: number): void {
    this.#at = writeInt64(this.#room(8), this.#at, value);
  }
  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }
  unsignedVarint(value: number): void {
    this.#room(5);
    for (let rest = value; ; rest >>>= 7) {
      this.#buffer[this.#at++] = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest;
      if (rest <= 0x7f) return;
    }
  }
  varint(value: number): void {
    this.#at = writeVarint(this.#room(5), this.#at, value);
  }
  varlong(value: number): void {
    this.#at = writeVarlong(this.#room(10), this.#at, value);
  }
  string(value: string | null): void {
    const size = value === null ? -1 : Buffer.byteLength(value);
    this.#length(size, 2);
    if (value !== null) this.#at += this.#room(size).write(value, this.#at, "utf8");
  }
  nullableBytes(value: Uint8Array | null): void {
    this.#length(value === null ? -1 : value.length, 4);
    if (value !== null) this.raw(value);
  }
  arrayLength(length: number): void {
    this.#length(length, 4);
  }
  raw(value: Uint8Array): void {
    this.#room(value.length).set(value, this.#at);
    this.#at += value.length;
  }

  #length(value: number, width: 2 | 4): void {
    if (this.flexible) this.unsignedVarint(value + 1);
    else if (width === 2) this.int16(value);
    else this.int32(value);
  }

  #room(size: number): Buffer {
    if (this.#at + size > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + size));
      this.#buffer.copy(grown, 0, 0, this.#at);
      this.#buffer = grown;
    }
    return this.#buffer;
  }
}

/** Writes a 64-bit big-endian integer from a number; exact below 2^53. Returns the position behind it. */
export function writeInt64(target: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 4294967296);
  target.writeInt32BE(high, at);
  target.writeUInt32BE(value - high * 4294967296, at + 4);
  return at + 8;
}
