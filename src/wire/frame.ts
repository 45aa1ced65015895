// Frames: a request or response behind its four-byte length, cut out of a stream of chunks.

const LENGTH = 4;

/** Collects a socket's chunks and hands out whole frames. One instance a connection: a cut one dies with it. */
export class FrameSplitter {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  /** @param limit the largest frame taken, in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes a chunk and returns the frames that it completes, without their length.
   *
   * @throws RangeError when a frame announces more than the limit, or less than its correlation id takes
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Buffer[] = [];
    while (this.#size >= LENGTH) {
      const size = this.#peekLength();
      if (size < LENGTH || size > this.#limit)
        throw new RangeError(`a frame of ${size} bytes; the limit is ${this.#limit}`);
      if (this.#size < LENGTH + size) break;
      frames.push(this.#take(LENGTH + size).subarray(LENGTH));
    }
    return frames;
  }

  #peekLength(): number {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= LENGTH) return first.readInt32BE(0);
    // Only the head is joined: a large frame that arrives in many chunks is copied once, when it is whole.
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
