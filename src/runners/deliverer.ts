// Tries one delivery until the receiver has it, or until it is to be given up.

import { messageOf } from "../core/errors.ts";
import { type Attempt, DeliveryError, type OutgoingRecord, type Sink } from "../core/sink.ts";
import { Backoff, type Clock } from "../core/time.ts";
import type { RateLimiter } from "./rate-limiter.ts";

/** The first wait after a failure and the longest one, in milliseconds. */
export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MOST_MS = 60_000;

export interface DelivererDeps {
  readonly sink: Sink;
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  /** How long a record is tried while its receiver answers with failures, in milliseconds. */
  readonly giveUpAfterMs: number;
  /** Called after each failed attempt, before the wait. */
  readonly onFailure: (record: OutgoingRecord, error: DeliveryError, attempts: number, at: number) => void;
  /** Waits. @throws the signal's reason */
  readonly pause: (ms: number, stopping: AbortSignal) => Promise<void>;
}

/** How a delivery ended. */
export type Outcome =
  | { readonly delivered: number }
  | { readonly givenUp: DeliveryError; readonly attempts: number };

/** Delivers for one sink. */
export class Deliverer {
  readonly #deps: DelivererDeps;
  /** The time spent on the current record per partition: a rebalance does not start it again. */
  readonly #spent = new Map<string, { readonly offset: number; readonly ms: number }>();

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
  }

  /** @throws the reason of `stopping` or `cancel` */
  async deliver(
    records: readonly OutgoingRecord[],
    stopping: AbortSignal,
    cancel: AbortSignal,
  ): Promise<Outcome> {
    const { limiter, clock, giveUpAfterMs, onFailure, pause } = this.#deps;
    const record = records[0] as OutgoingRecord;
    const { topic, partition, offset } = record;
    const place = `${topic}/${partition}`;
    const before = this.#spent.get(place);
    // Attempts that were answered count, and the waits after them; waiting for a turn does not.
    let [spent, paused] = [before?.offset === offset ? before.ms : 0, 0];
    const backoff = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    let channel: string | undefined;
    let began = 0;
    const attempt: Attempt = {
      cancel,
      async turn(name, perSecond = Number.POSITIVE_INFINITY) {
        channel = name;
        await limiter.take(name, perSecond, stopping);
        began = clock.now();
      },
    };
    for (let attempts = 1; ; attempts++) {
      stopping.throwIfAborted();
      began = clock.now();
      try {
        return { delivered: await this.#attempt(records, attempt) };
      } catch (thrown) {
        // Interrupted, which is not a failure.
        if (stopping.aborted && !(thrown instanceof DeliveryError)) throw thrown;
        const error = asDeliveryError(thrown);
        const { kind, retryAfterMs = 0 } = error;
        const now = clock.now();
        if (kind === "answered") spent += paused + now - began;
        this.#spent.set(place, { offset, ms: spent });
        onFailure(record, error, attempts, now);
        if (kind === "permanent" || spent >= giveUpAfterMs) return { givenUp: error, attempts };
        if (kind === "away" && channel !== undefined && retryAfterMs > 0) limiter.hold(channel, retryAfterMs);
        const wait = Math.max(backoff.next(now), retryAfterMs);
        paused = kind === "answered" ? wait : 0;
        await pause(wait, stopping);
      }
    }
  }

  async #attempt(records: readonly OutgoingRecord[], attempt: Attempt): Promise<number> {
    const { sink } = this.#deps;
    if ("deliverBatch" in sink) return sink.deliverBatch(records, attempt);
    await sink.deliver(records[0] as OutgoingRecord, attempt);
    return 1;
  }
}

/** An unexpected error will occur again in the same way. */
function asDeliveryError(thrown: unknown): DeliveryError {
  if (thrown instanceof DeliveryError) return thrown;
  return new DeliveryError("permanent", messageOf(thrown), { cause: thrown });
}
