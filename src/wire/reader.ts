// Reads Kafka's primitive types from a buffer (protocol guide, "Protocol Primitive Types"). Big-endian.

/** A message is truncated or malformed: it ends too early, or a length, null or count in it is invalid. */
export class TruncatedError extends Error {
  override readonly name = "TruncatedError";
}

/** The largest offset that is accepted: every offset of a batch that begins there is exact as a number. */
const LAST_OFFSET = 2 ** 53 - 2 ** 32;

/** Whether a number can be the offset of a record. Brokers use -1 for "no offset". */
export const isOffset = (offset: number): boolean => offset >= 0 && offset <= LAST_OFFSET;

/** Reads primitive values in sequence. Every method throws `TruncatedError` when too few bytes are left. */
export class Reader {
  /** True for a message of a flexible version (KIP-482): strings, bytes and arrays have compact lengths. */
  flexible = false;
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  get position(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1));
  }
  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2));
  }
  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }
  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }
  /** Reads a 64-bit integer. Exact below 2^53, which no offset and no timestamp reaches. */
  int64(): number {
    const at = this.#take(8);
    return this.#buffer.readInt32BE(at) * 4294967296 + this.#buffer.readUInt32BE(at + 4);
  }
  boolean(): boolean {
    return this.int8() !== 0;
  }
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const next = this.#buffer[this.#take(1)] as number;
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
    throw new TruncatedError("a varint has more than five bytes");
  }
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }
  varlong(): number {
    // Most timestamps are close to the first one of their batch. BigInt is many times slower.
    const start = this.#at;
    let small = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const next = this.#buffer[this.#take(1)] as number;
      small |= (next & 0x7f) << shift;
      if (next < 0x80) return (small >>> 1) ^ -(small & 1);
    }
    this.#at = start;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const next = this.#buffer[this.#take(1)] as number;
      value |= BigInt(next & 0x7f) << shift;
      if (next < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
    throw new TruncatedError("a varlong has more than ten bytes");
  }
  nullableString(): string | null {
    const length = this.#length(2);
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#buffer.toString("utf8", at, at + length);
  }
  /** Reads bytes. The result is a view, not a copy. */
  nullableBytes(): Buffer | null {
    const length = this.#length(4);
    return length < 0 ? null : this.raw(length);
  }
  /** Reads the length of an array; -1 for null. */
  arrayLength(): number {
    const length = this.#length(4);
    // Every element has at least one byte. A larger count is invalid and must not cause an allocation.
    if (length > this.remaining)
      throw new TruncatedError(`an array has ${length} elements, but ${this.remaining} bytes are left`);
    return length;
  }
  /** Moves the position past `length` bytes. */
  skip(length: number): void {
    this.#take(length);
  }
  /** Reads `length` bytes. The result is a view, not a copy. */
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  #length(width: 2 | 4): number {
    const length = this.flexible ? this.unsignedVarint() - 1 : width === 2 ? this.int16() : this.int32();
    if (length < -1)
      throw new TruncatedError(`the length ${length} is not valid; the only negative length is -1, for null`);
    return length;
  }

  #take(size: number): number {
    const at = this.#at;
    if (size < 0 || at + size > this.#buffer.length) {
      throw new TruncatedError(`${size} bytes are needed, ${this.#buffer.length - at} are left`);
    }
    this.#at = at + size;
    return at;
  }
}
