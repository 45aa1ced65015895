// The waits of a source after failures.

import { Backoff } from "../core/time.ts";
import { BACKOFF_FIRST_MS, BACKOFF_MOST_MS, blockedBackoff } from "./deliverer.ts";

/** The first and the longest wait after a lost transaction, in milliseconds. */
const [LOST_FIRST_MS, LOST_MAX_MS] = [50, 5000];

/** The longest pause that another system can ask for, in milliseconds: a day. */
const MAX_RETRY_AFTER_MS = 86_400_000;

/**
 * - `blocked`: an operator must act
 * - `lost`: a transaction or the ownership was lost
 * - `passing`: any other failure
 */
export type WaitKind = "blocked" | "lost" | "passing";

/** Computes the waits, which grow per kind until a commit succeeds. */
export class Waits {
  readonly #backoffs = {
    blocked: blockedBackoff(),
    lost: new Backoff(LOST_FIRST_MS, LOST_MAX_MS),
    passing: new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS),
  };
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns the next wait of this kind, at least `retryAfterMs`, in milliseconds */
  next(kind: WaitKind, retryAfterMs = 0): number {
    // The pause comes from another system, and may be anything.
    const asked = Number.isFinite(retryAfterMs) ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
    return Math.max(this.#backoffs[kind].next(this.#now()), asked);
  }

  reset(): void {
    for (const backoff of Object.values(this.#backoffs)) backoff.reset();
  }
}
