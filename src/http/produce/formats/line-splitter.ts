// Cuts a stream of bytes into lines. Holds no more than the line that has not ended yet.

import { ChunkBuffer } from "../../body/chunk-buffer.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** A line, or undefined for one that was longer than allowed and thrown away. */
export type Line = Buffer | undefined;

/** Lines end with `\n` or `\r\n`; the last one may end with the stream. */
export class LineSplitter {
  readonly #maxLine: number;
  readonly #started = new ChunkBuffer();
  #size = 0;

  /** @param maxLine in bytes */
  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  /** Bytes kept of the line that has not ended. */
  get held(): number {
    return this.#size > this.#maxLine ? 0 : this.#size;
  }

  /** The lines that end in `chunk`; views on its bytes where they can be. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      lines.push(
        this.#size === 0 ? this.#whole(chunk.subarray(from, at)) : this.#join(chunk.subarray(from, at)),
      );
      from = at + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The last line, where the stream ended without a line end; no lines when it ended with one. */
  end(): Line[] {
    return this.#size === 0 ? [] : [this.#join(EMPTY)];
  }

  #keep(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.#maxLine) this.#started.clear();
    else this.#started.add(part);
  }

  #join(part: Buffer): Line {
    this.#keep(part);
    const line = this.#size > this.#maxLine ? undefined : this.#whole(this.#started.bytes);
    this.#started.clear();
    this.#size = 0;
    return line;
  }

  #whole(line: Buffer): Line {
    if (line.length > this.#maxLine) return undefined;
    return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
  }
}

const EMPTY = Buffer.alloc(0);
