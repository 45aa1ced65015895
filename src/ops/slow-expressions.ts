// Expressions can't be interrupted: one that takes long holds up the whole process, so its author is told.

import type { Log } from "../core/ports.ts";

const AGAIN_MS = 60_000;

/** @returns told of each slow evaluation; warns of a place once a minute at most */
export function slowExpressions(log: Log): (place: string, ms: number) => void {
  const told = new Map<string, number>();
  return (place, ms) => {
    const now = Date.now();
    if (now - (told.get(place) ?? 0) < AGAIN_MS) return;
    told.set(place, now);
    log.warn(
      { expression: place, ms: Math.round(ms) },
      "an expression is slow, and everything waits while it runs; make it simpler",
    );
  };
}
