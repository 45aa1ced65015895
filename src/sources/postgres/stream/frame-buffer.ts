// Splits the bytes of a connection into messages: a code (1 byte), a length that includes itself (4 bytes), and the content.

/** The bytes that have arrived and are not yet taken. Joins the chunks of a message once, however many there are. */
export class FrameBuffer {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  /** The first chunk is read from here. */
  #offset = 0;

  /** The number of bytes in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  get hasFrame(): boolean {
    const available = this.#bytes - this.#offset;
    return available >= 5 && available >= 1 + this.#length();
  }

  /** Takes the next complete message, with its code and its length. */
  next(): Buffer | undefined {
    if (!this.hasFrame) return undefined;
    const size = 1 + this.#length();
    const first = this.#atLeast(size);
    const frame = first.subarray(this.#offset, this.#offset + size);
    this.#offset += size;
    if (this.#offset === first.length) {
      this.#chunks.shift();
      this.#bytes -= first.length;
      this.#offset = 0;
    }
    return frame;
  }

  #length(): number {
    return this.#atLeast(5).readUInt32BE(this.#offset + 1);
  }

  /** Returns the first chunk, joined with the next ones until it has `size` bytes after the offset. */
  #atLeast(size: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length - this.#offset >= size) return first;
    let [length, count] = [-this.#offset, 0];
    while (length < size) length += this.#chunks[count++]?.length ?? 0;
    const joined = Buffer.concat(this.#chunks.splice(0, count)).subarray(this.#offset);
    this.#bytes -= this.#offset;
    this.#offset = 0;
    this.#chunks.unshift(joined);
    return joined;
  }
}
