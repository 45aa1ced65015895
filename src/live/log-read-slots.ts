// Limits how many streams read the log at once. The others wait, in order.

import { addAbortListener } from "node:events";

/** The maximum number of streams that read the log. */
const MAX_READING = 32;

/** The slots of the streams that read the log. */
export class LogReadSlots {
  #reading = 0;
  readonly #waiting = new Set<() => void>();

  /** The streams that read or wait. */
  get count(): number {
    return this.#reading + this.#waiting.size;
  }

  /** Waits for a slot. @returns the function that releases it, to be called once @throws the reason of `signal` */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#reading < MAX_READING) this.#reading++;
    else
      await new Promise<void>((resolve, reject) => {
        const begin = (): void => {
          this.#waiting.delete(begin);
          listening[Symbol.dispose]();
          resolve();
        };
        const listening = addAbortListener(signal, () => {
          this.#waiting.delete(begin);
          reject(signal.reason);
        });
        this.#waiting.add(begin);
      });
    return () => {
      const [next] = this.#waiting;
      // The slot passes to the next stream.
      if (next) next();
      else this.#reading--;
    };
  }
}
