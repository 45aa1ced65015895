// Buffers for Produce requests, used again: a megabyte a request would wait for the garbage collector, which lags
// behind bytes outside of its heap, and resident memory would grow with the load.

/** So many wait for their next use. */
const KEPT = 4;
/** Larger ones are let go. */
const LARGEST = 2 * 1024 * 1024;
/** Node's own pool serves smaller ones. */
const SMALLEST = 4 * 1024;

/** A few buffers to write frames into. */
export class FramePool {
  #free: Buffer[] = [];

  /** A buffer of at least `capacity` bytes; its content is anything. */
  take(capacity: number): Buffer {
    const at = this.#free.findIndex((buffer) => buffer.length >= capacity);
    const [found] = at < 0 || capacity < SMALLEST ? [] : this.#free.splice(at, 1);
    return found ?? Buffer.allocUnsafe(capacity);
  }

  /** Called when nothing reads the buffer any more: neither a socket nor a batch that may be sent again. */
  give(buffer: Buffer): void {
    if (buffer.length < SMALLEST || buffer.length > LARGEST) return;
    this.#free.push(buffer);
    if (this.#free.length > KEPT) this.#free = this.#free.sort((a, b) => b.length - a.length).slice(0, KEPT);
  }
}
