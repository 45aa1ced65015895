// Reads a request's body chunk by chunk, at the pace of its reader: backpressure makes the client wait.

import type { IncomingMessage } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import { yieldToEventLoop } from "../../core/time.ts";

/** A request without traffic for this time is stopped: its client is gone, or does not read the responses. */
const IDLE_MS = 60_000;

/** Reads a body of any length. */
export class PacedBody {
  readonly #req: IncomingMessage;
  #chunk: Buffer | undefined;
  #ended = false;
  #stopped: OnrampError | undefined;
  #wake: (() => void) | undefined;

  constructor(req: IncomingMessage) {
    this.#req = req;
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
    this.#req.pause();
    this.#chunk = chunk;
    this.#wake?.();
  };

  /** The reason of `stop`; undefined when it was not called. */
  get stopped(): OnrampError | undefined {
    return this.#stopped;
  }

  /** Whether the client has not sent anything that was not returned by `next`. */
  get isWaiting(): boolean {
    return this.#wake !== undefined;
  }

  /** @returns the next chunk; undefined after the last one, or after `stop` */
  async next(): Promise<Buffer | undefined> {
    // Chunks that have arrived are received in turns with the requests of other clients.
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
    this.#req.resume();
    while (this.#chunk === undefined && !this.#ended && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const chunk = this.#stopped ? undefined : this.#chunk;
    this.#chunk = undefined;
    return chunk;
  }

  /** Stops reading. Later calls do not change the reason. */
  stop(reason: OnrampError): void {
    this.#stopped ??= reason;
    this.#req.off("data", this.#onData);
    this.#wake?.();
  }
}
