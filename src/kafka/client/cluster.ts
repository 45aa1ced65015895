// Manages the connections to the brokers of one cluster, and tracks whether any broker is reachable.

import type tls from "node:tls";
import type { Log } from "../../core/ports.ts";
import type { Api } from "../../wire/codec.ts";
import type { Connection } from "./connection.ts";
import { BrokerGone } from "./errors.ts";
import { Link } from "./link.ts";
import type { SaslOptions } from "./sasl.ts";

/** The pause between attempts while no broker is reachable, in milliseconds. */
const PROBE_MS = 200;

/** How to connect to a cluster. */
export interface KafkaOptions {
  /** Addresses (`host:port`) of the brokers to connect to first. */
  readonly brokers: readonly string[];
  readonly tls?: tls.ConnectionOptions | undefined;
  readonly sasl?: SaslOptions | undefined;
  /** The time in which a broker must answer a request, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** The time limit for connecting, TLS and SASL together, in milliseconds. */
  readonly connectTimeoutMs: number;
}

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** The connections to the brokers of one cluster. */
export class Cluster {
  readonly options: KafkaOptions;
  readonly #log: Log;
  readonly #nodes = new Map<number, BrokerAddress>();
  readonly #links = new Map<string, Link>();
  #openConnections = 0;
  #downSince: number | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #nextAddress = 0;
  #closed = false;

  constructor(options: KafkaOptions, log: Log) {
    this.options = options;
    this.#log = log;
  }

  /** Starts to connect, and tries again until a broker is reachable. Never fails: Kafka may start later. */
  start(): void {
    this.#downSince = Date.now();
    this.#probe();
  }

  /** How long no broker has been reachable, in milliseconds; 0 while one is reachable. */
  get downForMs(): number {
    return this.#downSince === undefined ? 0 : Math.max(1, Date.now() - this.#downSince);
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#openConnections;
  }

  /** The error of the last attempt to connect to a broker that is not reachable. */
  get lastError(): string {
    for (const link of this.#links.values())
      if (link.lastError instanceof Error) return link.lastError.message;
    return "no answer yet";
  }

  /** Stores the addresses of brokers. Called with every Metadata and FindCoordinator response. */
  addBrokers(brokers: readonly BrokerAddress[]): void {
    for (const broker of brokers) this.#nodes.set(broker.nodeId, broker);
  }

  /**
   * Returns the connection to one broker. Opens it if it is not open.
   *
   * @param channel each channel has its own connection to the broker, so that slow requests on one do not delay others
   * @throws BrokerGone when the broker cannot be reached, BrokerRefused
   */
  connection(nodeId: number, channel: string): Promise<Connection> {
    return this.#link(`${nodeId}/${channel}`, () => {
      const address = this.#nodes.get(nodeId);
      if (!address) throw new BrokerGone(`broker ${nodeId} is not in the metadata`, { sent: false });
      return address;
    }).get();
  }

  /**
   * Sends a request that any broker can answer, on a connection that carries no Produce and no Fetch
   * requests.
   *
   * @param versions the versions of the API that the caller can use, the preferred one first
   * @throws BrokerGone when no broker can be reached or the connection is lost, BrokerRefused
   */
  async ask<Q, R>(api: Api<Q, R>, versions: number | readonly number[], body: Q): Promise<R> {
    const connection = await this.#anyConnection();
    const version = typeof versions === "number" ? versions : connection.bestVersion(api, versions);
    return connection.request(api, version, body, this.options.requestTimeoutMs);
  }

  /** Closes the connections of a channel to all brokers. Called when the only user of the channel stops. */
  closeChannel(channel: string): void {
    for (const [key, link] of this.#links) {
      if (!key.endsWith(`/${channel}`)) continue;
      this.#links.delete(key);
      link.close();
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#probeTimer);
    for (const link of this.#links.values()) link.close();
  }

  async #anyConnection(): Promise<Connection> {
    const addresses = this.#addresses();
    let failure: unknown;
    for (let tried = 0; tried < addresses.length; tried++) {
      const address = addresses[this.#nextAddress % addresses.length] as { host: string; port: number };
      try {
        return await this.#link(`${address.host}:${address.port}/control`, () => address).get();
      } catch (error) {
        failure = error;
        this.#nextAddress++;
      }
    }
    throw failure ?? new BrokerGone("no broker is configured", { sent: false });
  }

  #addresses(): { host: string; port: number }[] {
    const known = [...this.#nodes.values()];
    return [...known, ...this.options.brokers.map(parseAddress)];
  }

  #link(key: string, address: () => { host: string; port: number }): Link {
    let link = this.#links.get(key);
    if (!link) {
      const { tls, sasl, connectTimeoutMs } = this.options;
      link = new Link(
        () => ({ host: address().host, port: address().port, connectTimeoutMs, tls, sasl }),
        (open) => this.#onConnectionChange(open),
      );
      this.#links.set(key, link);
    }
    return link;
  }

  #onConnectionChange(open: boolean): void {
    this.#openConnections += open ? 1 : -1;
    if (this.#openConnections > 0 && this.#downSince !== undefined) {
      this.#log.info({ downMs: Date.now() - this.#downSince }, "kafka reachable");
      this.#downSince = undefined;
    } else if (this.#openConnections === 0 && !this.#closed) {
      this.#downSince = Date.now();
      this.#log.warn({ reason: this.lastError }, "kafka unreachable");
      this.#probe();
    }
  }

  /** Tries to connect until a broker is reachable, so that an idle gateway recovers without a request. */
  #probe(): void {
    clearTimeout(this.#probeTimer);
    this.#anyConnection().catch((error: unknown) => {
      if (this.#closed || this.#openConnections > 0) return;
      this.#log.debug({ error }, "no broker answers");
      this.#probeTimer = setTimeout(() => this.#probe(), PROBE_MS);
    });
  }
}

/**
 * Parses `host:port` or `[IPv6 address]:port`. The default port is 9092.
 *
 * @throws Error when the address has another form
 */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address);
  if (!match) throw new Error(`"${address}" is not an address of the form host:port`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3] ?? 9092) };
}
