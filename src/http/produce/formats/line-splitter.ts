// Splits a stream of bytes into lines. Buffers only the line that has not ended yet.

import { ChunkBuffer } from "../../body/chunk-buffer.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** A line; undefined for a line that exceeded the maximum length and was discarded. */
export type Line = Buffer | undefined;

/** Splits chunks into lines. A line ends with `\n`, `\r\n`, or the end of the stream. */
export class LineSplitter {
  readonly #maxLine: number;
  readonly #buffer = new ChunkBuffer();
  #size = 0;

  /** @param maxLine in bytes */
  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  /** The number of buffered bytes of the line that has not ended. */
  get held(): number {
    return this.#size > this.#maxLine ? 0 : this.#size;
  }

  /** @returns the lines that end in `chunk`; a line that also starts in `chunk` is not copied */
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

  /** @returns the last line, if the stream ended without a line end; otherwise no lines */
  end(): Line[] {
    return this.#size === 0 ? [] : [this.#join(EMPTY)];
  }

  #keep(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.#maxLine) this.#buffer.clear();
    else this.#buffer.add(part);
  }

  #join(part: Buffer): Line {
    this.#keep(part);
    const line = this.#size > this.#maxLine ? undefined : this.#whole(this.#buffer.bytes);
    this.#buffer.clear();
    this.#size = 0;
    return line;
  }

  #whole(line: Buffer): Line {
    if (line.length > this.#maxLine) return undefined;
    return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
  }
}

const EMPTY = Buffer.alloc(0);
