// Keeps one connection to one address: opens it on demand, once for all callers, and reopens it with backoff.

import { Backoff } from "../../core/time.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { BrokerGone, BrokerRefused } from "./errors.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MOST_MS = 1000;
/**
 * The maximum backoff after a refusal, such as a refused login, in milliseconds. It is longer than after a lost connection, because the
 * next attempt probably fails too, but short enough that requests succeed within 2 s after the broker accepts the login.
 */
const REFUSED_MOST_MS = 1200;
/** Another attempt starts if the current one has no result after this time, in milliseconds. */
const NEXT_ATTEMPT_MS = 500;
/** In milliseconds: a connection that closes earlier, without a response, counts as a failed attempt. */
const SHORT_LIFE_MS = 1000;
/** How long the pending requests of a connection that is replaced may take, in milliseconds. */
const REPLACED_MS = 5000;

/** A connection that is opened again after it fails. */
export class Link {
  readonly #options: () => ConnectionOptions;
  readonly #maxIdleMs: number;
  readonly #onChange: () => void;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  readonly #failures = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
  readonly #refusals = new Backoff(BACKOFF_FIRST_MS, REFUSED_MOST_MS);
  #lastError: Error | undefined;
  #target: string | undefined;
  #closed = false;

  /**
   * @param options called per attempt, because the address of a broker may change
   * @param maxIdleMs a connection without requests for this long is replaced before it is used, in milliseconds
   * @param onChange called when the connection opens or closes, and when an attempt to open it fails
   */
  constructor(options: () => ConnectionOptions, maxIdleMs: number, onChange: () => void) {
    this.#options = options;
    this.#maxIdleMs = maxIdleMs;
    this.#onChange = onChange;
  }

  /** The error of the last attempt; undefined after a success. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  get isOpen(): boolean {
    return this.#connection !== undefined;
  }

  /** `host:port` of the last attempt. */
  get target(): string | undefined {
    return this.#target;
  }

  /**
   * Returns the connection. Opens it if it is not open.
   *
   * @throws BrokerGone when the broker cannot be reached, BrokerRefused when it refuses the login or lacks an API; during
   * the backoff after a failure the same error again, at once
   */
  async get(): Promise<Connection> {
    this.#replaceStale();
    if (this.#connection) return this.#connection;
    if (this.#closed) throw new BrokerGone("Onramp is stopping", { sent: false });
    const now = Date.now();
    if (!this.#failures.ready(now) || !this.#refusals.ready(now)) throw this.#lastError;
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
      const connection = await this.#openSoon();
      this.#lastError = undefined;
      this.#refusals.reset();
      this.#connection = connection;
      const openedAt = Date.now();
      connection.onClose(() => this.#onClose(connection, openedAt));
      if (this.#closed) connection.close("Onramp is stopping");
      return connection;
    } catch (error) {
      this.#lastError = error as Error;
      (error instanceof BrokerRefused ? this.#refusals : this.#failures).next(Date.now());
      throw error;
    } finally {
      this.#onChange();
    }
  }

  /**
   * Opens a connection. Begins another attempt every 500 ms, so that a broker that does not answer one attempt, or that has moved,
   * does not delay requests for long. Ends with the first success, or when the first attempt fails.
   */
  #openSoon(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let isDone = false;
      const attempt = async (): Promise<void> => {
        const options = this.#options();
        this.#target = `${options.host}:${options.port}`;
        const connection = await Connection.open(options);
        if (isDone) connection.close("Onramp has another connection");
        resolve(connection);
        end();
      };
      const next = setInterval(() => void attempt().catch(() => {}), NEXT_ATTEMPT_MS);
      const end = (): void => {
        isDone = true;
        clearInterval(next);
      };
      attempt().catch((error: unknown) => {
        end();
        reject(error);
      });
    });
  }

  #onClose(connection: Connection, openedAt: number): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    const now = Date.now();
    if (connection.answered || now - openedAt >= SHORT_LIFE_MS) this.#failures.reset();
    else {
      const reason = `${connection.closeReason} before it answered; check whether it requires a login (kafka.sasl)`;
      this.#lastError = new BrokerGone(reason, { sent: false });
      this.#failures.next(now);
    }
    this.#onChange();
  }

  /** Releases a connection whose SASL session ends soon, or that a firewall may have dropped silently. */
  #replaceStale(): void {
    const old = this.#connection;
    if (!old || !(old.expired || old.idleMs > this.#maxIdleMs)) return;
    this.#connection = undefined;
    setTimeout(() => old.close("Onramp replaced the connection"), old.idleMs > 0 ? 0 : REPLACED_MS).unref();
  }
}
