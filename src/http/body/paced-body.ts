// A request's body, chunk by chunk, at the pace of whoever takes the chunks: the kernel holds the rest, and in the
// end the sender does.

import type { IncomingMessage } from "node:http";
import { OnrampError } from "../../core/errors.ts";

/** Nothing came in and nothing went out for so long: whoever sends has gone, or reads no answers. */
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
      if (!req.complete) this.stop(new OnrampError(40001, "The connection ended before the body did."));
    });
    req.setTimeout(IDLE_MS, () =>
      this.stop(new OnrampError(40801, `Nothing came for ${IDLE_MS / 1000} s, and no answers were read.`)),
    );
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#req.pause();
    this.#chunk = chunk;
    this.#wake?.();
  };

  /** Why it ends before the body does. */
  get stopped(): OnrampError | undefined {
    return this.#stopped;
  }

  /** The next chunk; undefined at the end, or once it was stopped. */
  async next(): Promise<Buffer | undefined> {
    this.#req.resume();
    while (this.#chunk === undefined && !this.#ended && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#stopped ? undefined : this.#chunk;
    this.#chunk = undefined;
    return chunk;
  }

  /** Reads no further. The first reason stays. */
  stop(reason: OnrampError): void {
    this.#stopped ??= reason;
    this.#req.off("data", this.#onData);
    this.#wake?.();
  }
}
