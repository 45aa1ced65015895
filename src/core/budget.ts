// Limits the bytes that are accepted and not yet acknowledged. The bytes of a request count while its body is
// still being read.

import { OnrampError } from "./errors.ts";
import { gauge, type MetricSource } from "./ports.ts";

/** Counts the bytes that are in flight, in total and per client. One client may use half of the limit. */
export class Budget {
  readonly limit: number;
  readonly #clients = new Map<string, number>();
  #used = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.limit = limit;
  }

  get metrics(): readonly MetricSource[] {
    const help = "Bytes accepted and not yet acknowledged; http.budget is their limit.";
    return [gauge("onramp_in_flight_bytes", help, () => this.#used)];
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Takes bytes for a client: all of them, or none.
   *
   * @throws OnrampError 50301 when the limit would be exceeded, 42901 when the client would exceed half of
   *   the limit
   */
  take(client: string, bytes: number): void {
    const held = this.#clients.get(client) ?? 0;
    if (this.#used + bytes > this.limit) {
      throw new OnrampError(
        50301,
        `The bytes that Kafka has not acknowledged yet would exceed http.budget (${this.limit} bytes). Nothing was written; try again after Retry-After.`,
      );
    }
    if (held + bytes > this.limit / 2) {
      throw new OnrampError(
        42901,
        `This client's bytes that Kafka has not acknowledged yet would exceed half of http.budget (${this.limit / 2} bytes). Nothing was written; try again after Retry-After.`,
      );
    }
    this.#used += bytes;
    this.#clients.set(client, held + bytes);
  }

  /** Returns bytes that the client took. */
  give(client: string, bytes: number): void {
    this.#used -= bytes;
    const held = (this.#clients.get(client) ?? 0) - bytes;
    if (held > 0) this.#clients.set(client, held);
    else this.#clients.delete(client);
  }
}
