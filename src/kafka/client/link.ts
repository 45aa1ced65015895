// Keeps one connection to one address: opens it on demand, once for all callers, and reopens it with backoff.

import { Backoff } from "../../core/time.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { BrokerGone } from "./errors.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MOST_MS = 1000;

/** A connection that is opened again after it fails. */
export class Link {
  readonly #options: () => ConnectionOptions;
  readonly #onChange: (open: boolean) => void;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  readonly #backoff = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
  #lastError: unknown;
  #closed = false;

  /**
   * @param options called per attempt, because the address of a broker may change
   * @param onChange called when the connection opens (true) and when it closes (false)
   */
  constructor(options: () => ConnectionOptions, onChange: (open: boolean) => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** The error of the last attempt; undefined after a success. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /**
   * Returns the connection. Opens it if it is not open.
   *
   * @throws BrokerGone when the broker cannot be reached (at once during the backoff after a failure), BrokerRefused
   */
  async get(): Promise<Connection> {
    if (this.#connection?.expired) this.#release();
    if (this.#connection) return this.#connection;
    if (this.#closed) throw new BrokerGone("Onramp is stopping", { sent: false });
    if (!this.#backoff.ready(Date.now())) {
      throw new BrokerGone(
        "the last attempt to connect to the broker failed; the next one follows after a pause",
        {
          sent: false,
          cause: this.#lastError,
        },
      );
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

  /** Releases an expired connection. Its pending requests have five seconds to complete. */
  #release(): void {
    const old = this.#connection;
    this.#connection = undefined;
    this.#onChange(false);
    if (old) setTimeout(() => old.close("the SASL session ends"), 5000).unref();
  }
}
