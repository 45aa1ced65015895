// Reuses the buffers of Produce requests. Otherwise a megabyte per request would wait for the garbage collector, which
// is slow to free memory outside its heap, and resident memory would grow with the load.

/** The most free buffers that are kept. */
const MOST_FREE = 4;
/** The largest buffer that is kept, in bytes. */
const LARGEST = 2 * 1024 * 1024;
/** The smallest buffer that is kept, in bytes. Node.js has a pool for smaller ones. */
const SMALLEST = 4 * 1024;

/** A pool of buffers for encoded requests. */
export class FramePool {
  #free: Buffer[] = [];

  /** Returns a buffer of at least `capacity` bytes. Its content is undefined. */
  take(capacity: number): Buffer {
    const at = this.#free.findIndex((buffer) => buffer.length >= capacity);
    const [reused] = at < 0 || capacity < SMALLEST ? [] : this.#free.splice(at, 1);
    return reused ?? Buffer.allocUnsafe(capacity);
  }

  /**
   * Puts a buffer back. Call it only when neither a socket nor a batch that may be sent again uses the bytes.
   */
  give(buffer: Buffer): void {
    if (buffer.length < SMALLEST || buffer.length > LARGEST) return;
    this.#free.push(buffer);
    if (this.#free.length > MOST_FREE)
      this.#free = this.#free.sort((a, b) => b.length - a.length).slice(0, MOST_FREE);
  }
}
