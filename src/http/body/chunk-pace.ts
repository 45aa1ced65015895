// Limits the CPU time that tiny chunks take. Node.js parses all chunks of one socket read at once, and each chunk takes as long
// as a record, whatever its size.

import { IncomingMessage } from "node:http";
import { setTimeout as delay, setImmediate as nextIteration } from "node:timers/promises";
import { OnrampError } from "../../core/errors.ts";

/** The number of chunks that are received before their size matters. */
const FREE_CHUNKS = 64;
/** A socket whose chunks have fewer bytes than this on average is read in turns with other such sockets. */
const SMALL = 256;
/** The least mean size of the chunks of a body, in bytes, after its first megabyte. */
const LEAST_CHUNK = 16;
const FIRST_BYTES = 1024 * 1024;

let turns: Promise<void> = Promise.resolve();

/** Waits until the socket has been read, and then for the same time again, so that other clients get half of the time. */
async function restAfterTurn(): Promise<void> {
  const began = performance.now();
  await nextIteration();
  await nextIteration();
  await delay(performance.now() - began);
}

/** Counts the chunks of one request, and stops reading its socket when they are tiny. */
export class ChunkPace {
  chunks = 0;
  readonly #req: IncomingMessage;
  #bytes = 0;
  #isHeld = false;

  constructor(req: IncomingMessage) {
    this.#req = req;
  }

  /**
   * Counts a chunk. If the chunks are tiny, the socket is not read again before `release`.
   *
   * @returns whether the socket is held from now on
   */
  count(bytes: number): boolean {
    this.chunks++;
    this.#bytes += bytes;
    if (this.#isHeld || this.chunks < FREE_CHUNKS || this.#bytes >= this.chunks * SMALL) return false;
    this.#isHeld = true;
    // Node resumes the socket after each chunk, through this method, if the request has room for more.
    this.#req._read = () => {};
    this.#req.socket.pause();
    return true;
  }

  /** Whether the socket is not read. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Reads the socket again, in its turn with other such sockets. */
  release(): Promise<void> {
    return new Promise((resolve) => {
      turns = turns.then(() => {
        this.#isHeld = false;
        this.#req._read = IncomingMessage.prototype._read;
        this.#req.socket.resume();
        resolve();
        return restAfterTurn();
      });
    });
  }

  /** The error 40801 when the chunks are too small on average. */
  get problem(): OnrampError | undefined {
    return chunkProblem(this.#bytes, this.chunks);
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
