// Reads a request's body piece by piece, at the pace of its reader: backpressure makes the client wait.

import type { IncomingMessage } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import { ChunkBuffer } from "./chunk-buffer.ts";
import { ChunkPace } from "./chunk-pace.ts";

/** A request without traffic for this time is stopped: its client is gone, or does not read the responses. */
const IDLE_MS = 60_000;

const SMALL = 1024;
const LARGE = 64 * 1024;

/** Reads a body of any length. */
export class PacedBody {
  readonly #req: IncomingMessage;
  readonly #pace: ChunkPace;
  /** Chunks that were received together. */
  readonly #received = new ChunkBuffer();
  #ended = false;
  #stopped: OnrampError | undefined;
  #wake: (() => void) | undefined;

  constructor(req: IncomingMessage) {
    this.#req = req;
    this.#pace = new ChunkPace(req);
    req.on("data", this.#onData);
    req.once("end", () => {
      this.#ended = true;
      this.#wake?.();
    });
    req.once("close", () => {
      if (!req.complete)
        this.stop(new OnrampError(40001, "The connection ended before the end of the body."));
    });
    req.setTimeout(IDLE_MS, () =>
      this.stop(
        new OnrampError(40801, `For ${IDLE_MS / 1000} s, no data was received and no responses were read.`),
      ),
    );
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pace.count(chunk.length);
    // Joins small chunks that arrive in the same iteration of the event loop: handling each of them separately would be slow.
    if (this.#received.size === 0 && chunk.length < SMALL) setImmediate(this.#onPiece);
    this.#received.add(chunk);
    if (chunk.length >= SMALL || this.#received.size >= LARGE) this.#onPiece();
  };

  readonly #onPiece = (): void => {
    if (this.#received.size > 0) this.#req.pause();
    this.#wake?.();
  };

  /** The reason of `stop`; undefined when it was not called. */
  get stopped(): OnrampError | undefined {
    return this.#stopped;
  }

  /** The number of chunks that the body was sent in so far. */
  get chunks(): number {
    return this.#pace.chunks;
  }

  /** Whether `next` waits for the client. */
  get isWaiting(): boolean {
    return this.#wake !== undefined;
  }

  /** @returns the next piece; undefined after the last one, or after `stop` */
  async next(): Promise<Buffer | undefined> {
    // Yields, so that requests of other clients are handled between two pieces.
    const pause = this.#pace.isHeld ? this.#pace.release() : yieldToEventLoop();
    if (pause !== undefined) await pause;
    this.#req.resume();
    while (this.#received.size === 0 && !this.#ended && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const bytes = this.#stopped || this.#received.size === 0 ? undefined : this.#received.bytes;
    this.#received.clear();
    return bytes;
  }

  /** Stops reading. Later calls do not change the reason. */
  stop(reason: OnrampError): void {
    this.#stopped ??= reason;
    this.#req.off("data", this.#onData);
    this.#wake?.();
  }
}
