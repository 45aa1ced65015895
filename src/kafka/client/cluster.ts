// The brokers: where they are, the connections to them, and whether any can be reached at all.

import type tls from "node:tls";
import type { Log } from "../../core/ports.ts";
import type { Api } from "../../wire/codec.ts";
import type { Connection } from "./connection.ts";
import { BrokerGone } from "./errors.ts";
import { Link } from "./link.ts";
import type { SaslOptions } from "./sasl.ts";

const PROBE_MS = 200;

export interface KafkaOptions {
  /** `host:port` to start from. */
  readonly brokers: readonly string[];
  readonly tls?: tls.ConnectionOptions | undefined;
  readonly sasl?: SaslOptions | undefined;
  /** Milliseconds a broker has for one answer. */
  readonly requestTimeoutMs: number;
  /** Milliseconds for connecting, TLS and SASL together. */
  readonly connectTimeoutMs: number;
}

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** Connections to the brokers of one cluster. */
export class Cluster {
  readonly options: KafkaOptions;
  readonly #log: Log;
  readonly #nodes = new Map<number, BrokerAddress>();
  readonly #links = new Map<string, Link>();
  #open = 0;
  #downSince: number | undefined;
  #probe: NodeJS.Timeout | undefined;
  #turn = 0;
  #closed = false;

  constructor(options: KafkaOptions, log: Log) {
    this.options = options;
    this.#log = log;
  }

  /** Starts to knock at the brokers; never fails: Kafka may come later. */
  start(): void {
    this.#downSince = Date.now();
    this.#knock();
  }

  /** Milliseconds for which no broker has been reachable; 0 while one is. */
  get downForMs(): number {
    return this.#downSince === undefined ? 0 : Math.max(1, Date.now() - this.#downSince);
  }

  /** Why no broker is reachable, as far as the last attempt told. */
  get lastError(): string {
    for (const link of this.#links.values())
      if (link.lastError instanceof Error) return link.lastError.message;
    return "no answer yet";
  }

  /** Remembers where the brokers are; called with every metadata answer. */
  learn(brokers: readonly BrokerAddress[]): void {
    for (const broker of brokers) this.#nodes.set(broker.nodeId, broker);
  }

  /**
   * A connection to one node.
   *
   * @param channel connections of different channels to a node are apart: a slow one holds up nobody else
   * @throws BrokerGone, BrokerRefused
   */
  connection(nodeId: number, channel: string): Promise<Connection> {
    return this.#link(`${nodeId}/${channel}`, () => {
      const address = this.#nodes.get(nodeId);
      if (!address) throw new BrokerGone(`broker ${nodeId} is not in the metadata`, { sent: false });
      return address;
    }).get();
  }

  /**
   * Sends a request that any broker can answer, on the connection kept for that.
   *
   * @throws BrokerGone when no broker could be reached, BrokerRefused
   */
  async ask<Q, R>(api: Api<Q, R>, version: number, body: Q): Promise<R> {
    const connection = await this.#anyConnection();
    return connection.request(api, version, body, this.options.requestTimeoutMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#probe);
    for (const link of this.#links.values()) link.close();
  }

  async #anyConnection(): Promise<Connection> {
    const addresses = this.#addresses();
    let failure: unknown;
    for (let tried = 0; tried < addresses.length; tried++) {
      const address = addresses[this.#turn % addresses.length] as { host: string; port: number };
      try {
        return await this.#link(`${address.host}:${address.port}/control`, () => address).get();
      } catch (error) {
        failure = error;
        this.#turn++;
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
        (open) => this.#count(open),
      );
      this.#links.set(key, link);
    }
    return link;
  }

  #count(open: boolean): void {
    this.#open += open ? 1 : -1;
    if (this.#open > 0 && this.#downSince !== undefined) {
      this.#log.info({ downMs: Date.now() - this.#downSince }, "kafka reachable");
      this.#downSince = undefined;
    } else if (this.#open === 0 && !this.#closed) {
      this.#downSince = Date.now();
      this.#log.warn({ reason: this.lastError }, "kafka unreachable");
      this.#knock();
    }
  }

  /** Tries until a broker answers, so that an idle gateway recovers without a request. */
  #knock(): void {
    clearTimeout(this.#probe);
    this.#anyConnection().catch((error: unknown) => {
      if (this.#closed || this.#open > 0) return;
      this.#log.debug({ error }, "no broker answers");
      this.#probe = setTimeout(() => this.#knock(), PROBE_MS);
    });
  }
}

/** `host:port`, `[v6]:port`; the port defaults to 9092. */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address);
  if (!match) throw new Error(`"${address}" is no host:port`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3] ?? 9092) };
}
