// Writes the events of a stream to its response, in pieces. Thus a client that takes a large event slowly differs from one that
// takes nothing.

import type { ServerResponse } from "node:http";
import type { EventOutput } from "../../core/live.ts";

/** The size of a piece, in bytes. */
const PIECE = 64 * 1024;
/** How long the client may take for the rest of a stream that has ended, in milliseconds. */
const END_MS = 5000;

/** The `EventOutput` of a response whose head was written. */
export class ResponseOutput implements EventOutput {
  onDrain: () => void = () => {};
  tookAt = Date.now();
  readonly #res: ServerResponse;
  /** What is left to write. */
  #left: Buffer[] = [];
  #isBlocked = false;

  constructor(res: ServerResponse) {
    this.#res = res;
    res.on("drain", () => this.#onDrain());
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  write(bytes: Buffer): void {
    if (this.#isBlocked) this.#left.push(bytes);
    else if (bytes.length <= PIECE) this.#send(bytes);
    else {
      this.#left.push(bytes);
      this.#sendLeft();
    }
  }

  end(): void {
    for (const bytes of this.#left) this.#res.write(bytes);
    this.#left = [];
    this.#res.end();
    setTimeout(() => this.#res.destroy(), END_MS).unref();
  }

  #send(bytes: Buffer): void {
    const now = Date.now();
    if (this.#res.write(bytes)) this.tookAt = now;
    else {
      // The time counts from the first write that the client did not take completely.
      if (!this.#isBlocked) this.tookAt = now;
      this.#isBlocked = true;
    }
  }

  #sendLeft(): void {
    for (let first = this.#left[0]; first && !this.#isBlocked; first = this.#left[0]) {
      this.#send(first.subarray(0, PIECE));
      if (first.length > PIECE) this.#left[0] = first.subarray(PIECE);
      else this.#left.shift();
    }
  }

  #onDrain(): void {
    this.tookAt = Date.now();
    this.#isBlocked = false;
    this.#sendLeft();
    if (!this.#isBlocked) this.onDrain();
  }
}
