// Waiting longer after each failure, with jitter, so that many who failed together do not come back together.

/** When something may be tried again. The n-th wait lies between half and all of `first * 2^n`, up to `most`. */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  #failures = 0;
  #retryAt = 0;

  /** @param first, most in milliseconds */
  constructor(first: number, most: number) {
    this.#first = first;
    this.#most = most;
  }

  /** True from a failure until `reset`. */
  get active(): boolean {
    return this.#failures > 0;
  }

  /** @param now ms, `Date.now` */
  ready(now: number): boolean {
    return now >= this.#retryAt;
  }

  /** @returns milliseconds from `now` until it may be tried again */
  failed(now: number): number {
    const most = Math.min(this.#most, this.#first * 2 ** this.#failures);
    this.#failures++;
    const wait = most / 2 + (Math.random() * most) / 2;
    this.#retryAt = now + wait;
    return wait;
  }

  reset(): void {
    this.#failures = 0;
    this.#retryAt = 0;
  }
}
