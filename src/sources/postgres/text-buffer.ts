// Encodes many texts as UTF-8 into few buffers. Node's own pool has 8 kB, which a dozen values fill.

/** The size of the buffers, in bytes. */
const SIZE = 256 * 1024;

/** The parts that it returns stay valid: a buffer is never used again. */
export class TextBuffer {
  #buffer = Buffer.allocUnsafeSlow(SIZE);
  #at = 0;

  encode(text: string): Buffer {
    // A UTF-16 code unit takes at most 3 bytes.
    const most = text.length * 3;
    if (most > SIZE / 4) return Buffer.from(text);
    if (this.#at + most > SIZE) {
      this.#buffer = Buffer.allocUnsafeSlow(SIZE);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += this.#buffer.write(text, start);
    return this.#buffer.subarray(start, this.#at);
  }
}
