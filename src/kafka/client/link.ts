// A place where a connection to one address lives: opened once however many ask, reopened with backoff.

import { Backoff } from "../../core/time.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { BrokerGone } from "./errors.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MOST_MS = 1000;

/** A reconnecting slot for one connection. */
export class Link {
  readonly #options: () => ConnectionOptions;
  readonly #onChange: (open: boolean) => void;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  readonly #backoff = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
  #lastError: unknown;
  #closed = false;

  /** @param options asked at each attempt: a broker may have moved */
  constructor(options: () => ConnectionOptions, onChange: (open: boolean) => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  get lastError(): unknown {
    return this.#lastError;
  }

  /**
   * The connection, opened where there is none.
   *
   * @throws BrokerGone (at once while backing off), BrokerRefused
   */
  async get(): Promise<Connection> {
    if (this.#connection?.expired) this.#release();
    if (this.#connection) return this.#connection;
    if (this.#closed) throw new BrokerGone("Onramp is stopping", { sent: false });
    if (!this.#backoff.ready(Date.now())) {
      throw new BrokerGone("the broker could not be reached a moment ago", {
        sent: false,
        cause: this.#lastError,
      });
    }
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close("Onramp is stopping");
  }

  async #open(): Promise<Connection> {
    try {
      const connection = await Connection.open(this.#options());
      this.#backoff.reset();
      this.#lastError = undefined;
      this.#connection = connection;
      connection.onClose(() => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#onChange(false);
      });
      if (this.#closed) connection.close("Onramp is stopping");
      this.#onChange(true);
      return connection;
    } catch (error) {
      this.#lastError = error;
      this.#backoff.next(Date.now());
      throw error;
    }
  }

  /** Lets an expiring connection finish what it has in hand, and forgets it. */
  #release(): void {
    const old = this.#connection;
    this.#connection = undefined;
    this.#onChange(false);
    if (old) setTimeout(() => old.close("its SASL session ends"), 5000).unref();
  }
}
