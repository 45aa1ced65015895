// A clock that tests can replace, backoff, and waits that end at a deadline or an abort.

import { addAbortListener } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** The time and the timers of parts that wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws the signal's reason when the signal is aborted first */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The longest delay that a Node.js timer supports, about 25 days; a longer delay fires at once. In milliseconds. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The clock of the system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    const until = Date.now() + ms;
    for (let left = ms; left > LONGEST_TIMER_MS; left = until - Date.now())
      await delay(LONGEST_TIMER_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    const left = ms > LONGEST_TIMER_MS ? until - Date.now() : ms;
    await delay(Math.max(0, left), undefined, { signal }).catch(() => signal.throwIfAborted());
  },
};

/** 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can express. */
const LAST_TIME = 253_402_300_799_999;

/**
 * Whether the timestamp of a record is a time: milliseconds from 1970 to 9999. Records may have -1 (no timestamp), or
 * nanoseconds, which `Date` does not accept.
 */
export const isTime = (timestamp: number): boolean => timestamp >= 0 && timestamp <= LAST_TIME;

/** A time in RFC 3339; the seconds may be left out. */
const TIME = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;

/**
 * Parses a time in RFC 3339, in which the seconds may be left out. `Date.parse` alone would accept other texts, and read
 * 30 February as 2 March.
 *
 * @returns milliseconds since 1970; undefined when the text is not such a time
 */
export function parseTime(text: string): number | undefined {
  const [, year, month, day] = TIME.exec(text) ?? [];
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return undefined;
  const time = year === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/**
 * Computes waits that double after each failure. Wait number n, from 0, is a random time between half and all
 * of `min(max, first * 2^n)`, so that clients that failed together do not retry together.
 */
export class Backoff {
  readonly #first: number;
  readonly #max: number;
  #failures = 0;
  #retryAt = 0;

  /** @param first, max in milliseconds */
  constructor(first: number, max: number) {
    this.#first = first;
    this.#max = max;
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
    const limit = Math.min(this.#max, this.#first * 2 ** this.#failures);
    this.#failures++;
    const wait = limit / 2 + (Math.random() * limit) / 2;
    this.#retryAt = now + wait;
    return wait;
  }

  reset(): void {
    this.#failures = 0;
    this.#retryAt = 0;
  }
}

/**
 * Waits for `work` until `deadline` (milliseconds, `Date.now`). After that, the work itself continues.
 *
 * @throws the error of `work`; Error with the message `late` when the deadline passes first
 */
export async function untilDeadline<T>(work: Promise<T>, deadline: number, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    // After a stall of the process, the I/O that arrived in time is handled first.
    const end = (): void => void setImmediate(() => reject(new Error(late)));
    timer = setTimeout(end, Math.max(0, deadline - Date.now()));
  });
  return Promise.race([work, passed]).finally(() => clearTimeout(timer));
}

/**
 * Waits for `work` until the signal is aborted. After that, the work itself continues.
 *
 * @throws the error of `work`; the signal's reason when it is aborted first
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let listening: Disposable | undefined;
  const aborted = new Promise<never>((_, reject) => {
    listening = addAbortListener(signal, () => reject(signal.reason));
  });
  return Promise.race([work, aborted]).finally(() => listening?.[Symbol.dispose]());
}

/** How long an iteration of the event loop may last before a computation yields, in milliseconds. */
const SLICE_MS = 4;
let iterationStartedAt = performance.now();
let lastYield: Promise<void> = Promise.resolve();

/**
 * Awaited between the steps of a long computation, so that it does not block the event loop. Returns undefined while the
 * current iteration of the event loop has lasted less than 4 ms; otherwise a promise that resolves in a later iteration.
 * Each waiting computation gets an iteration of its own, in order.
 */
export function yieldToEventLoop(): Promise<void> | undefined {
  return performance.now() - iterationStartedAt < SLICE_MS ? undefined : nextTurn();
}

/** Resolves in a later iteration of the event loop, which belongs to the caller: each call gets one of its own, in order. */
export function nextTurn(): Promise<void> {
  lastYield = lastYield.then(nextIteration);
  return lastYield;
}

const nextIteration = (): Promise<void> =>
  new Promise((resolve) =>
    setImmediate(() => {
      iterationStartedAt = performance.now();
      resolve();
    }),
  );

/**
 * Starts the attempts in order, each when the one before it fails or has taken `staggerMs`, and returns the first success.
 * Attempts that were started continue.
 *
 * @throws AggregateError with the errors, in the order of the attempts, when all of them fail
 */
export function firstSuccess<T>(attempts: readonly (() => Promise<T>)[], staggerMs: number): Promise<T> {
  const started: Promise<T>[] = [];
  return new Promise((resolve, reject) => {
    const startNext = (): void => {
      const attempt = attempts[started.length];
      if (!attempt) return;
      const index = started.length;
      const goOn = (): void => {
        clearTimeout(timer);
        if (started.length === index + 1) startNext();
        if (started.length === attempts.length) Promise.any(started).then(resolve, reject);
      };
      const timer = setTimeout(goOn, staggerMs);
      const running = attempt();
      started.push(running);
      running.then((value) => {
        clearTimeout(timer);
        resolve(value);
      }, goOn);
    };
    if (attempts.length === 0) reject(new AggregateError([]));
    startNext();
  });
}
