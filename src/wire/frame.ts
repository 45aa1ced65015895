// Splits a stream of chunks into frames. A frame is a request or response that follows its four-byte length.

/**
 * The size of the length field in bytes; also the size of the smallest frame, which is a correlation id
 * alone.
 */
const LENGTH = 4;

/** Collects the chunks of one connection and returns complete frames. Use one instance per connection. */
export class FrameSplitter {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  /** @param limit the largest accepted frame, in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Adds a chunk and returns the frames that it completes, without their length.
   *
   * @throws RangeError when the length of a frame exceeds the limit, or is less than the 4 bytes of a correlation id
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Buffer[] = [];
    while (this.#size >= LENGTH) {
      const size = this.#peekLength();
      if (size < LENGTH || size > this.#limit)
        throw new RangeError(`a frame has ${size} bytes; from ${LENGTH} to ${this.#limit} are allowed`);
      if (this.#size < LENGTH + size) break;
      frames.push(this.#take(LENGTH + size).subarray(LENGTH));
    }
    return frames;
  }

  #peekLength(): number {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= LENGTH) return first.readInt32BE(0);
    // Concatenates only the chunks that contain the length. A large frame in many chunks is copied once, when
    // it is complete.
    const head = Buffer.concat(this.#chunks.slice(0, LENGTH), Math.min(this.#size, LENGTH));
    return head.readInt32BE(0);
  }

  #take(size: number): Buffer {
    const all =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#size);
    const rest = all.subarray(size);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    return all.subarray(0, size);
  }
}
