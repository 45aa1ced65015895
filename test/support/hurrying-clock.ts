// A clock without real waits: sleeping callers are woken in the order of their times.

import type { Clock } from "../../src/core/time.ts";

/** A clock that advances to the end of the next sleep as soon as the process is idle. */
export function hurryingClock(): Clock {
  let now = Date.now();
  const sleepers: { readonly due: number; readonly wake: () => void }[] = [];
  const hurry = (): void => {
    const next = sleepers.sort((a, b) => a.due - b.due).shift();
    if (!next) return;
    now = Math.max(now, next.due);
    next.wake();
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const abort = (): void => reject(signal.reason);
        signal.addEventListener("abort", abort, { once: true });
        const wake = (): void => {
          signal.removeEventListener("abort", abort);
          resolve();
        };
        sleepers.push({ due: now + ms, wake });
        setTimeout(hurry, 5);
      }),
  };
}
