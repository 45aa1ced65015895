// Logs slow expressions. An expression cannot be interrupted, so a slow one delays the whole process.

import type { Log } from "../core/ports.ts";

const REPEAT_MS = 60_000;

/** @returns a function to call after each slow evaluation; it logs each place at most once per minute */
export function slowExpressions(log: Log): (place: string, ms: number) => void {
  const warned = new Map<string, number>();
  return (place, ms) => {
    const now = Date.now();
    if (now - (warned.get(place) ?? 0) < REPEAT_MS) return;
    warned.set(place, now);
    log.warn(
      { expression: place, ms: Math.round(ms) },
      "an expression is slow, and everything waits while it runs; make it simpler",
    );
  };
}
