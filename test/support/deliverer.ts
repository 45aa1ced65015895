// A deliverer whose time passes only when a test says so.

import { DeliveryError, type FailureKind, type OutgoingRecord, type Sink } from "../../src/core/sink.ts";
import { Deliverer } from "../../src/runners/deliverer.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";

/** A wait that the receiver asks for; longer than every wait of the backoff, so that it is the exact wait. */
export const ASKED = 100_000;
export const never = new AbortController().signal;
export const recordAt = (offset: number, partition = 0): OutgoingRecord => ({
  topic: "t",
  partition,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: [],
  parsed: undefined,
});
export const failing = (kind: FailureKind, retryAfterMs?: number): DeliveryError =>
  new DeliveryError(kind, `${kind}!`, { retryAfterMs });

/** A deliverer with time that passes in `pause` and by `pass` alone; it keeps the pauses and the failures. */
export function setUp(sink: (pass: (ms: number) => void) => Sink, giveUpAfterMs = 10 * ASKED) {
  let now = 1_000_000;
  const pauses: number[] = [];
  const failures: { offset: number; message: string; attempts: number; at: number }[] = [];
  const pass = (ms: number): void => {
    now += ms;
  };
  const clock = { now: () => now, sleep: async (ms: number) => pass(ms) };
  const limiter = new RateLimiter(clock);
  const deliverer = new Deliverer({
    sink: sink(pass),
    limiter,
    clock,
    giveUpAfterMs,
    onFailure: ({ offset }, { message }, attempts, at) =>
      void failures.push({ offset, message, attempts, at }),
    pause: async (ms, stopping) => {
      stopping.throwIfAborted();
      pauses.push(ms);
      pass(ms);
    },
  });
  const deliver = (record: OutgoingRecord, stopping = never) => deliverer.deliver([record], stopping, never);
  return { deliverer, deliver, limiter, clock, pauses, failures };
}

/** A sink that fails as `next` says, until it says nothing. */
export const failingSink = (next: (attempt: number) => unknown) => (): Sink => {
  let attempts = 0;
  return {
    async deliver() {
      const error = next(++attempts);
      if (error !== undefined) throw error;
    },
  };
};
