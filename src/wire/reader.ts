// Reads Kafka's primitive types from a buffer (protocol guide, "Protocol Primitive Types"). Big-endian.

/** Thrown when a message ends before its last field, or a length in it cannot be true. */
export class TruncatedError extends Error {
  override readonly name = "TruncatedError";
}

/** Reads primitives one after the other. Every read throws `TruncatedError` past the end. */
export class Reader {
  /** True while a message of a flexible version (KIP-482) is read. */
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
  /** A 64-bit integer as a JavaScript number; exact below 2^53, which no offset or timestamp reaches. */
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
    throw new TruncatedError("a varint of more than five bytes");
  }
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }
  varlong(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const next = this.#buffer[this.#take(1)] as number;
      value |= BigInt(next & 0x7f) << shift;
      if (next < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
    throw new TruncatedError("a varlong of more than ten bytes");
  }
  nullableString(): string | null {
    const length = this.#length(2);
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#buffer.toString("utf8", at, at + length);
  }
  /** A view on the bytes, not a copy. */
  nullableBytes(): Buffer | null {
    const length = this.#length(4);
    return length < 0 ? null : this.raw(length);
  }
  /** The length of an array; -1 for null. */
  arrayLength(): number {
    const length = this.#length(4);
    // Every element takes a byte at least, so a larger count is a lie and would only allocate.
    if (length > this.remaining) throw new TruncatedError(`an array of ${length} in ${this.remaining} bytes`);
    return length;
  }
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  #length(width: 2 | 4): number {
    if (this.flexible) return this.unsignedVarint() - 1;
    return width === 2 ? this.int16() : this.int32();
  }

  #take(size: number): number {
    const at = this.#at;
    if (size < 0 || at + size > this.#buffer.length) {
      throw new TruncatedError(`${size} bytes wanted, ${this.#buffer.length - at} left`);
    }
    this.#at = at + size;
    return at;
  }
}
