// Time: a clock that tests can replace, waits that grow, and waits that end early.

import { addAbortListener } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** Time as the parts that wait see it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws the signal's reason when the signal is aborted first */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The clock of the system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
  },
};

/**
 * Waits that double after each failure. The n-th wait is a random time between half and all of `first * 2^n`, and at
 * most `most`, so that clients that failed together do not return together.
 */
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

  /** Whether the wait is over. @param now milliseconds, `Date.now` */
  ready(now: number): boolean {
    return now >= this.#retryAt;
  }

  /** Counts a failure. @returns the milliseconds to wait from `now` */
  next(now: number): number {
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

/**
 * Waits for `work` until `deadline` (milliseconds, `Date.now`). The work itself continues.
 *
 * @throws what `work` throws; Error with the message `late` when the deadline passes first
 */
export async function untilDeadline<T>(work: Promise<T>, deadline: number, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late)), Math.max(0, deadline - Date.now()));
  });
  return Promise.race([work, passed]).finally(() => clearTimeout(timer));
}

/**
 * Waits for `work` until the signal is aborted. The work itself continues.
 *
 * @throws what `work` throws; the signal's reason
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let listening: Disposable | undefined;
  const aborted = new Promise<never>((_, reject) => {
    listening = addAbortListener(signal, () => reject(signal.reason));
  });
  return Promise.race([work, aborted]).finally(() => listening?.[Symbol.dispose]());
}
