// Delivers the records of one sink: retries until the receiver accepts the first record, or gives it up.

import { reasonOf } from "../core/errors.ts";
import { type Attempt, DeliveryError, type OutgoingRecord, type Sink } from "../core/sink.ts";
import { Backoff, type Clock } from "../core/time.ts";
import type { RateLimiter } from "./rate-limiter.ts";

/** The first wait after a failure and the longest wait, in milliseconds. */
export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MOST_MS = 60_000;

/** Computes the waits while an operator must resolve the cause: 30 to 60 seconds each, whatever `Retry-After` says. */
export const blockedBackoff = (): Backoff => new Backoff(BACKOFF_MOST_MS, BACKOFF_MOST_MS);

export interface DelivererDeps {
  readonly sink: Sink;
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  /** How long a record is retried while its receiver answers with failures, in milliseconds. */
  readonly giveUpAfterMs: number;
  /** Called after each failed attempt, before the wait. */
  readonly onFailure: (record: OutgoingRecord, error: DeliveryError, attempts: number, at: number) => void;
  /**
   * Waits before the next attempt to deliver `record`.
   *
   * @param blocked what an operator must resolve, if there is something
   * @throws the reason of `stopping`
   */
  readonly pause: (
    ms: number,
    stopping: AbortSignal,
    record: OutgoingRecord,
    blocked?: string,
  ) => Promise<void>;
}

/** The result of a delivery: the number of records that were delivered, or why the first record was given up. */
export type Outcome =
  | { readonly delivered: number }
  | { readonly givenUp: DeliveryError; readonly attempts: number };

/** Delivers records to one sink, and tracks the time that was spent on them. */
export class Deliverer {
  readonly #deps: DelivererDeps;
  /** The time spent on the current record, per partition. A rebalance does not reset it. */
  readonly #spent = new Map<string, { readonly offset: number; readonly ms: number }>();

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
  }

  /**
   * Delivers the first of the records. A sink that delivers batches may deliver some of the next records as
   * well.
   *
   * @throws the reason of `stopping` or `cancel`
   */
  async deliver(
    records: readonly OutgoingRecord[],
    stopping: AbortSignal,
    cancel: AbortSignal,
  ): Promise<Outcome> {
    const { limiter, clock, giveUpAfterMs, onFailure, pause } = this.#deps;
    const record = records[0] as OutgoingRecord;
    const { topic, partition, offset } = record;
    const partitionName = `${topic}/${partition}`;
    const previous = this.#spent.get(partitionName);
    // `spent` includes the attempts that the receiver answered and the waits after them, not the wait for a
    // turn.
    let [spent, paused] = [previous?.offset === offset ? previous.ms : 0, 0];
    const [backoff, slow] = [new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS), blockedBackoff()];
    let channel: string | undefined;
    let startedAt = 0;
    const attempt: Attempt = {
      cancel,
      async turn(name, perSecond = Number.POSITIVE_INFINITY) {
        channel = name;
        await limiter.take(name, perSecond, stopping);
        startedAt = clock.now();
      },
    };
    for (let attempts = 1; ; attempts++) {
      stopping.throwIfAborted();
      startedAt = clock.now();
      try {
        return { delivered: await this.#attempt(records, attempt) };
      } catch (thrown) {
        // The sink was interrupted; the delivery did not fail.
        if (stopping.aborted && !(thrown instanceof DeliveryError)) throw thrown;
        const error = asDeliveryError(thrown);
        const { kind, retryAfterMs = 0 } = error;
        const now = clock.now();
        if (kind === "answered") spent += paused + now - startedAt;
        this.#spent.set(partitionName, { offset, ms: spent });
        onFailure(record, error, attempts, now);
        if (kind === "permanent" || spent >= giveUpAfterMs) return { givenUp: error, attempts };
        if (kind === "away" && channel !== undefined && retryAfterMs > 0) limiter.hold(channel, retryAfterMs);
        const wait =
          kind === "blocked"
            ? Math.max(slow.next(now), Math.min(retryAfterMs, BACKOFF_MOST_MS))
            : Math.max(backoff.next(now), retryAfterMs);
        paused = kind === "answered" ? wait : 0;
        await pause(wait, stopping, record, kind === "blocked" ? error.message : undefined);
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

/**
 * Returns a DeliveryError unchanged. Any other error is permanent, because the same record would cause it again; it may come from a
 * library, so its message is not used.
 */
function asDeliveryError(thrown: unknown): DeliveryError {
  if (thrown instanceof DeliveryError) return thrown;
  return new DeliveryError("permanent", reasonOf(thrown), { cause: thrown });
}
