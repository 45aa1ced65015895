// Bytes that come in pieces, however small: kept together at little more than their size.

/** Chunks below this are copied together: a buffer a byte would cost a hundred times its size. */
const SMALL = 1024;
const SLAB = 16 * 1024;

/** The chunks of a body. */
export class ChunkBuffer {
  size = 0;
  /** Room for all of a large body, so that it is never there twice. */
  #whole: Buffer | undefined;
  #chunks: Buffer[] = [];
  #slab: Buffer | undefined;
  #filled = 0;

  prepare(size: number): void {
    this.#whole = Buffer.allocUnsafeSlow(size);
  }

  get bytes(): Buffer {
    if (this.#whole) return this.#whole.subarray(0, this.size);
    this.#seal();
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks, this.size);
  }

  add(chunk: Buffer): void {
    if (this.#whole) {
      this.size += chunk.copy(this.#whole, this.size);
      return;
    }
    this.size += chunk.length;
    // The first chunk is most often the whole body, and stays as it is.
    if (chunk.length >= SMALL || this.#chunks.length === 0) {
      this.#seal();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#slab && this.#filled + chunk.length > SLAB) this.#seal();
    this.#slab ??= Buffer.allocUnsafeSlow(SLAB);
    this.#filled += chunk.copy(this.#slab, this.#filled);
  }

  /** Lets everything go. */
  clear(): void {
    this.size = 0;
    this.#whole = undefined;
    this.#chunks = [];
    this.#slab = undefined;
  }

  #seal(): void {
    if (this.#slab) this.#chunks.push(this.#slab.subarray(0, this.#filled));
    this.#slab = undefined;
    this.#filled = 0;
  }
}
