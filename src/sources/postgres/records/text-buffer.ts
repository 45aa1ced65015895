// Encodes many texts as UTF-8 into few buffers, which are used again. Node's own pool has 8 kB, which a dozen values fill.

/** The size of the buffers, in bytes. */
const SIZE = 256 * 1024;
/** The number of buffers that are kept. */
const MAX_FREE = 64;

/** Encodes texts. What it returns is valid until its buffers are released. */
export class TextBuffer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(SIZE);
  #at = 0;
  /** The buffers that are full. */
  #full: Buffer[] = [];
  readonly #free: Buffer[] = [];

  encode(text: string): Buffer {
    // A UTF-16 code unit takes at most 3 bytes.
    const most = text.length * 3;
    if (most > SIZE / 4) return Buffer.from(text);
    if (this.#at + most > SIZE) {
      this.#full.push(this.#buffer);
      this.#next();
    }
    const start = this.#at;
    this.#at += this.#buffer.write(text, start);
    return this.#buffer.subarray(start, this.#at);
  }

  /** Returns the buffers that were filled since the last call, with the one that is not full. */
  take(): readonly Buffer[] {
    const taken = [...this.#full, this.#buffer];
    this.#full = [];
    this.#next();
    return taken;
  }

  /** Releases buffers that `take` has returned: nothing uses the texts in them any more. */
  release(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) if (this.#free.length < MAX_FREE) this.#free.push(buffer);
  }

  #next(): void {
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(SIZE);
    this.#at = 0;
  }
}
