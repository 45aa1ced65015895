// Limits what a client can cost with tiny chunks: each chunk costs as much time as a record, whatever its size.

import type { Readable } from "node:stream";
import { OnrampError } from "../../core/errors.ts";
import { nextTurn } from "../../core/time.ts";

/** The number of chunks that are received before their size matters. */
const FREE_CHUNKS = 64;
/** Chunks of less bytes on average are received in turns with those of other clients. */
const SMALL = 256;
/** The least mean size of the chunks of a body, in bytes, after its first megabyte. */
const LEAST_CHUNK = 16;
const FIRST_BYTES = 1024 * 1024;

/** Counts the chunks of one body. */
export class ChunkPace {
  readonly #stream: Pick<Readable, "pause" | "resume">;
  #chunks = 0;
  #bytes = 0;
  #isWaiting = false;

  /** @param stream is paused while it waits for its turn */
  constructor(stream: Pick<Readable, "pause" | "resume">) {
    this.#stream = stream;
  }

  /** @throws OnrampError 40801 when the chunks are too small */
  count(bytes: number): void {
    this.#chunks++;
    this.#bytes += bytes;
    if (this.#chunks < FREE_CHUNKS || this.#bytes >= this.#chunks * SMALL) return;
    const problem = chunkProblem(this.#bytes, this.#chunks);
    if (problem) throw problem;
    if (this.#isWaiting) return;
    // The chunks that were read together are received; then the sockets of other clients are read first.
    this.#isWaiting = true;
    this.#stream.pause();
    void nextTurn().then(() => {
      this.#isWaiting = false;
      this.#stream.resume();
    });
  }
}

/** @returns the error 40801 when the chunks of a body are too small on average */
export function chunkProblem(bytes: number, chunks: number): OnrampError | undefined {
  if (bytes <= FIRST_BYTES || bytes >= chunks * LEAST_CHUNK) return undefined;
  return new OnrampError(
    40801,
    `The body is sent in chunks of less than ${LEAST_CHUNK} bytes on average. Send larger chunks, for example by collecting data before each write.`,
  );
}
