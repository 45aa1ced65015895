// Expressions cannot be interrupted: a slow one delays the whole process, so it is logged.

import type { Log } from "../core/ports.ts";

const AGAIN_MS = 60_000;

/** @returns a function to call for each slow evaluation; it logs a place at most once per minute */
export function slowExpressions(log: Log): (place: string, ms: number) => void {
  const warned = new Map<string, number>();
  return (place, ms) => {
    const now = Date.now();
    if (now - (warned.get(place) ?? 0) < AGAIN_MS) return;
    warned.set(place, now);
    log.warn(
      { expression: place, ms: Math.round(ms) },
      "an expression is slow, and everything waits while it runs; make it simpler",
    );
  };
}
