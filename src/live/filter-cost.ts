// Bounds the CPU time of one filter.

import { setTimeout as delay } from "node:timers/promises";

/** The time that a filter may use within one window, in milliseconds. */
const [MAX_MS, WINDOW_MS] = [100, 1000];
/** A filter that uses less per record waits for the next window, and is not ended: its cost comes from the number of records. */
const CHEAP_MS = 0.1;
/** The most that is counted at once, in milliseconds. More is a pause of the process, such as garbage collection. */
const MOST_AT_ONCE_MS = 30;

/** The time that one filter has used in the current window. */
export class FilterCost {
  #windowStart = 0;
  #used = 0;
  #evaluations = 0;

  /** Counts an evaluation, or several short ones. */
  add(ms: number, evaluations = 1): void {
    const now = performance.now();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now;
      this.#used = 0;
      this.#evaluations = 0;
    }
    this.#used += Math.min(ms, MOST_AT_ONCE_MS);
    this.#evaluations += evaluations;
  }

  /** The reason to end the filter; undefined while it is within its limits. */
  get excess(): string | undefined {
    if (this.#used <= MAX_MS || this.#used / this.#evaluations < CHEAP_MS) return undefined;
    return `The filter used ${Math.round(this.#used)} ms within one second, and may use ${MAX_MS}. Make it simpler, or use ?key=.`;
  }

  /** Waits until the filter may use more time. */
  async wait(): Promise<void> {
    const left = this.#windowStart + WINDOW_MS - performance.now();
    if (this.#used > MAX_MS && left > 0) await delay(left);
  }
}
