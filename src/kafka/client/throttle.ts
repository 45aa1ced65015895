// Limits the throttle times in the responses of brokers.

import type { Log } from "../../core/ports.ts";

/** The longest throttle time that Onramp waits for, in milliseconds. With Kafka's defaults, a quota throttles for 11 s at most. */
export const MAX_THROTTLE_MS = 30_000;

/** Limits throttle times, and logs once when a broker begins to state longer ones. */
export class ThrottleLimit {
  readonly #log: Log | undefined;
  /** The brokers whose last throttle time was too long. */
  readonly #excessive = new Set<string>();

  constructor(log?: Log) {
    this.#log = log;
  }

  /** Returns a response with a throttle time from 0 to 30 s, if it has one. @param broker `host:port` */
  apply<R>(broker: string, response: R): R {
    const { throttleTimeMs: stated } = response as { readonly throttleTimeMs?: number };
    if (stated === undefined) return response;
    if (stated <= MAX_THROTTLE_MS) this.#excessive.delete(broker);
    else if (!this.#excessive.has(broker)) {
      this.#excessive.add(broker);
      const fields = { broker, throttleMs: stated, waitMs: MAX_THROTTLE_MS };
      this.#log?.warn(fields, "the broker requested a throttle time of more than 30 s; onramp waits 30 s");
    }
    return { ...response, throttleTimeMs: Math.min(Math.max(0, stated), MAX_THROTTLE_MS) };
  }
}
