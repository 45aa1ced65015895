// Limits the bytes that are accepted and not yet acknowledged. The bytes of a request count while its body is
// still being read.

import { OnrampError } from "./errors.ts";
import { gauge, type MetricSource } from "./ports.ts";

/** The bytes charged for each record of an envelope and each line, in addition to its own bytes, for the objects that represent it. */
export const RECORD_OVERHEAD = 512;

/** Counts the bytes that are in flight, in total and per client. */
export class Budget {
  readonly limit: number;
  /** The maximum number of bytes of one client. */
  readonly clientLimit: number;
  readonly #whole: Budget | undefined;
  readonly #name: string;
  readonly #clients = new Map<string, number>();
  #used = 0;

  /**
   * @param limit in bytes
   * @param part `whole`: the budget of which this one is a part; its bytes count there as well. `name`: the name of this budget in
   *   messages. `clientShare`: the share of `limit` that one client may take (default: half)
   */
  constructor(limit: number, { whole, name = "http.budget", clientShare = 0.5 }: BudgetPart = {}) {
    this.limit = limit;
    this.clientLimit = limit * clientShare;
    this.#whole = whole;
    this.#name = name;
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
   * @throws OnrampError 50301 when the limit would be exceeded, 42901 when the client would exceed its share of it
   */
  take(client: string, bytes: number): void {
    const held = this.#clients.get(client) ?? 0;
    this.#requireRoom(bytes);
    if (held + bytes > this.clientLimit) {
      throw new OnrampError(
        42901,
        `This client's bytes that Kafka has not acknowledged yet would exceed half of ${this.#name} (${this.clientLimit} bytes). Nothing was written; try again after Retry-After.`,
      );
    }
    if (this.#whole) {
      this.#whole.#requireRoom(bytes);
      this.#whole.#used += bytes;
    }
    this.#used += bytes;
    this.#clients.set(client, held + bytes);
  }

  #requireRoom(bytes: number): void {
    if (this.#used + bytes <= this.limit) return;
    throw new OnrampError(
      50301,
      `The bytes that Kafka has not acknowledged yet would exceed ${this.#name} (${this.limit} bytes). Nothing was written; try again after Retry-After.`,
    );
  }

  /** Returns bytes that the client took. */
  give(client: string, bytes: number): void {
    if (this.#whole) this.#whole.#used -= bytes;
    this.#used -= bytes;
    const held = (this.#clients.get(client) ?? 0) - bytes;
    if (held > 0) this.#clients.set(client, held);
    else this.#clients.delete(client);
  }
}

/** See the constructor of `Budget`. */
export interface BudgetPart {
  readonly whole?: Budget;
  readonly name?: string;
  readonly clientShare?: number;
}
