// Splits a stream of chunks into frames. A frame is a request or response that follows its four-byte length.

/**
 * The size of the length field in bytes; also the size of the smallest frame, which is a correlation id
 * alone.
 */
const LENGTH = 4;
/** This many chunks are joined into one, so that a frame in chunks of one byte does not need much more memory. */
const MANY_CHUNKS = 1024;

/** Collects the chunks of one connection and returns complete frames. Use one instance per connection. */
export class FrameSplitter {
  readonly #limit: number;
  readonly #limitOf: (correlationId: number) => number;
  #chunks: Buffer[] = [];
  #size = 0;
  /** The number of chunks that were joined from small ones. They come first. */
  #joined = 0;

  /**
   * @param limit the largest accepted frame, in bytes
   * @param limitOf returns a lower limit for the frame with this correlation id. Default: `limit`
   */
  constructor(limit: number, limitOf: (correlationId: number) => number = () => limit) {
    this.#limit = limit;
    this.#limitOf = limitOf;
  }

  /**
   * Adds a chunk and returns the frames that it completes, without their length.
   *
   * @throws RangeError when the length of a frame exceeds the limit, or is less than the 4 bytes of a correlation id
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#joinChunks();
    const frames: Buffer[] = [];
    while (this.#size >= LENGTH) {
      const size = this.#peek(0);
      const isKnown = this.#size >= 2 * LENGTH && size >= LENGTH;
      const limit = isKnown ? Math.min(this.#limit, this.#limitOf(this.#peek(LENGTH))) : this.#limit;
      if (size < LENGTH || size > limit)
        throw new RangeError(`a frame has ${size} bytes; from ${LENGTH} to ${limit} are allowed`);
      if (this.#size < LENGTH + size) break;
      frames.push(this.#take(LENGTH + size).subarray(LENGTH));
    }
    return frames;
  }

  /** Reads the length (at 0) or the correlation id (at 4) of the next frame. */
  #peek(at: number): number {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= at + LENGTH) return first.readInt32BE(at);
    // Concatenates only the chunks that contain the number. A large frame in many chunks is copied once, when
    // it is complete.
    return Buffer.concat(this.#chunks.slice(0, at + LENGTH), at + LENGTH).readInt32BE(at);
  }

  #joinChunks(): void {
    if (this.#chunks.length - this.#joined < MANY_CHUNKS) return;
    const small = this.#chunks.splice(this.#joined);
    this.#chunks.push(Buffer.concat(small));
    this.#joined++;
  }

  #take(size: number): Buffer {
    const all =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#size);
    const rest = all.subarray(size);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    this.#joined = 0;
    return all.subarray(0, size);
  }
}
