// The bound on bytes that were accepted and not yet acknowledged. Counted while bodies are read.

import { OnrampError } from "./errors.ts";
import { gauge, type MetricSource } from "./ports.ts";

/** Bytes in hand, in all and per client; one client may hold half. */
export class Budget {
  readonly limit: number;
  readonly #clients = new Map<string, number>();
  #used = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** What the process shows of it. */
  get metrics(): readonly MetricSource[] {
    const help = "Bytes accepted and not yet acknowledged (http.budget).";
    return [gauge("onramp_in_flight_bytes", help, () => this.#used)];
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Takes bytes for a client, all or nothing.
   *
   * @throws OnrampError 42901 past the client's half, 50301 past the whole
   */
  take(client: string, bytes: number): void {
    const held = this.#clients.get(client) ?? 0;
    if (this.#used + bytes > this.limit) {
      throw new OnrampError(
        50301,
        `Onramp holds ${this.limit} bytes that Kafka has not acknowledged yet (http.budget); nothing was written. Try again after Retry-After.`,
      );
    }
    if (held + bytes > this.limit / 2) {
      throw new OnrampError(
        42901,
        `This client has half of http.budget (${this.limit / 2} bytes) waiting already; nothing was written. Try again after Retry-After.`,
      );
    }
    this.#used += bytes;
    this.#clients.set(client, held + bytes);
  }

  give(client: string, bytes: number): void {
    this.#used -= bytes;
    const held = (this.#clients.get(client) ?? 0) - bytes;
    if (held > 0) this.#clients.set(client, held);
    else this.#clients.delete(client);
  }
}
