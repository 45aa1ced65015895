// Collects the chunks of a body. Needs little more memory than their bytes, even if they are tiny.

/** Smaller chunks are copied into one buffer: one buffer per byte would cost a hundred times the bytes. */
const SMALL = 1024;
const SLAB = 16 * 1024;

/** The chunks of a body. */
export class ChunkBuffer {
  size = 0;
  /** One buffer for all chunks of a large body, so that the chunks need not be joined at the end. */
  #whole: Buffer | undefined;
  #chunks: Buffer[] = [];
  #slab: Buffer | undefined;
  #filled = 0;

  /** Allocates the memory for `size` bytes at once. */
  allocate(size: number): void {
    this.#whole = Buffer.allocUnsafeSlow(size);
  }

  get bytes(): Buffer {
    if (this.#whole) return this.#whole.subarray(0, this.size);
    this.#closeSlab();
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks, this.size);
  }

  add(chunk: Buffer): void {
    if (this.#whole) {
      this.size += chunk.copy(this.#whole, this.size);
      return;
    }
    this.size += chunk.length;
    // The first chunk is usually the whole body, and is not copied.
    if (chunk.length >= SMALL || this.#chunks.length === 0) {
      this.#closeSlab();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#slab && this.#filled + chunk.length > SLAB) this.#closeSlab();
    this.#slab ??= Buffer.allocUnsafeSlow(SLAB);
    this.#filled += chunk.copy(this.#slab, this.#filled);
  }

  /** Releases all chunks. */
  clear(): void {
    this.size = 0;
    this.#whole = undefined;
    this.#chunks = [];
    this.#slab = undefined;
  }

  #closeSlab(): void {
    if (this.#slab) this.#chunks.push(this.#slab.subarray(0, this.#filled));
    this.#slab = undefined;
    this.#filled = 0;
  }
}
