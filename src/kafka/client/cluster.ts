// Manages the connections to the brokers of one cluster, and checks whether a broker can be reached.

import type tls from "node:tls";
import type { Log } from "../../core/ports.ts";
import { firstSuccess } from "../../core/time.ts";
import type { Api } from "../../wire/codec.ts";
import { Metadata, metadataOf } from "../../wire/messages/cluster.ts";
import { type Address, type BrokerAddress, isUsable, nameOf, parseAddress } from "./address.ts";
import { AdvertisedUnreachable, type ClusterFault, ClusterHealth, faultOfError } from "./cluster-health.ts";
import type { Connection } from "./connection.ts";
import { BrokerGone, BrokerRefused } from "./errors.ts";
import { Link } from "./link.ts";
import type { SaslOptions } from "./sasl.ts";
import { ThrottleLimit } from "./throttle.ts";

/** The pauses between checks, in milliseconds: while no broker is reachable, while one refuses the login, otherwise. */
const [DOWN_CHECK_MS, REFUSED_CHECK_MS, CHECK_MS] = [200, 1000, 5000];
/** The time after which the next address is tried as well, in milliseconds. */
const NEXT_ADDRESS_MS = 250;
/** The channel for requests that any broker can answer. */
const CONTROL = "control";

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
  /** A connection without requests for this long is replaced before its next request, in milliseconds. */
  readonly maxIdleMs: number;
  /** How long a member of a consumer group keeps its partitions after its last heartbeat, in milliseconds. Default: 10 s. */
  readonly sessionTimeoutMs?: number | undefined;
}

/** The connections to the brokers of one cluster. */
export class Cluster {
  readonly options: KafkaOptions;
  readonly #health: ClusterHealth;
  readonly #throttle: ThrottleLimit;
  #nodes = new Map<number, BrokerAddress>();
  readonly #links = new Map<string, Link>();
  /** The address of the broker that got the last request that any broker can answer. */
  #preferred: string | undefined;
  /** The address of the broker that did not answer the last request that failed; it is asked last. */
  #silent: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking = false;
  /** The number of failed checks in succession. */
  #failedChecks = 0;
  /** When the last connection to a broker closed (milliseconds, `Date.now`). */
  #disconnectedAt = 0;
  #closed = false;

  constructor(options: KafkaOptions, log: Log) {
    this.options = options;
    this.#health = new ClusterHealth(log);
    this.#throttle = new ThrottleLimit(log);
  }

  /** Starts to connect, and tries again until a broker is reachable. Never fails: Kafka may start later. */
  start(): void {
    this.#health.start();
    this.#disconnectedAt = Date.now();
    this.#schedule(0);
  }

  /** How long no broker has been reachable, in milliseconds; 0 while one is reachable. */
  get downForMs(): number {
    return this.#health.downForMs;
  }

  /** Why Kafka cannot be used, and what to do next; undefined while it can. */
  get fault(): ClusterFault | undefined {
    return this.#health.fault;
  }

  /** The number of open connections. */
  get connections(): number {
    return [...this.#links.values()].filter(({ isOpen }) => isOpen).length;
  }

  /** Stores the usable addresses of all brokers. Called with every Metadata response. */
  setBrokers(brokers: readonly BrokerAddress[]): void {
    const usable = brokers.filter(isUsable);
    if (usable.length === 0) return;
    this.#nodes = new Map(usable.map((broker) => [broker.nodeId, broker]));
    const current = new Set(this.#addresses().map(controlKey));
    for (const key of this.#links.keys())
      if (key.endsWith(`/${CONTROL}`) && !current.has(key)) this.#closeLink(key);
  }

  /** Stores the address of one broker. Called with every FindCoordinator response. */
  addBroker(broker: BrokerAddress): void {
    this.#nodes.set(broker.nodeId, broker);
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
      if (!address)
        throw new BrokerGone(`broker ${nodeId} is not in the metadata, or has no usable address there`, {
          sent: false,
        });
      return { ...address, hint: `the advertised address of broker ${nodeId}; check advertised.listeners` };
    }).get();
  }

  /**
   * Sends a request that any broker can answer, on a connection that carries no Produce and no Fetch
   * requests.
   *
   * @throws BrokerGone when no broker can be reached or the connection is lost, BrokerRefused
   */
  async ask<Q, R>(api: Api<Q, R>, body: Q): Promise<R> {
    return this.#request(await this.#anyConnection(this.#addresses()), api, body);
  }

  /** Closes the connections of a channel to all brokers. Called when the only user of the channel stops. */
  closeChannel(channel: string): void {
    for (const key of this.#links.keys()) if (key.endsWith(`/${channel}`)) this.#closeLink(key);
  }

  /** Closes all connections. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const link of this.#links.values()) link.close();
  }

  #closeLink(key: string): void {
    const link = this.#links.get(key);
    this.#links.delete(key);
    link?.close();
  }

  /** Sends a request. The next request goes to another broker if this one does not answer. */
  #request<Q, R>(connection: Connection, api: Api<Q, R>, body: Q): Promise<R> {
    const answer = connection.request(api, connection.version(api), body, this.options.requestTimeoutMs);
    answer.catch(() => {
      this.#silent = connection.address;
    });
    return answer;
  }

  async #anyConnection(addresses: readonly Address[]): Promise<Connection> {
    const attempts = addresses.map((address) => () => this.#link(controlKey(address), () => address).get());
    const connection = await firstSuccess(attempts, NEXT_ADDRESS_MS).catch(({ errors }: AggregateError) => {
      throw errors.find((error) => error instanceof BrokerRefused) ?? errors[0] ?? NO_BROKERS;
    });
    this.#preferred = connection.address;
    return connection;
  }

  /** The addresses to ask, in order. */
  #addresses(): readonly Address[] {
    const all = [...this.#nodes.values(), ...this.options.brokers.map(parseAddress)];
    const byName = new Map(all.map((address) => [nameOf(address), address]));
    const placeOf = (address: Address): number =>
      nameOf(address) === this.#silent ? 2 : nameOf(address) === this.#preferred ? 0 : 1;
    return [...byName.values()].sort((a, b) => placeOf(a) - placeOf(b));
  }

  #link(key: string, address: () => Address & { readonly hint?: string }): Link {
    let link = this.#links.get(key);
    if (!link) {
      const { tls, sasl, connectTimeoutMs, maxIdleMs } = this.options;
      link = new Link(
        () => ({ ...address(), connectTimeoutMs, tls, sasl, throttle: this.#throttle }),
        maxIdleMs,
        () => this.#onLinkChange(),
      );
      this.#links.set(key, link);
    }
    return link;
  }

  /** The links to addresses in the metadata. A bootstrap address that refuses the login does not matter beside these. */
  get #current(): Link[] {
    const names = new Set([...this.#nodes.values()].map(nameOf));
    return [...this.#links.values()].filter(({ target }) => target !== undefined && names.has(target));
  }

  get #isConnected(): boolean {
    return this.#current.some(({ isOpen }) => isOpen);
  }

  get #refused(): Link[] {
    return this.#current.filter(({ lastError }) => lastError instanceof BrokerRefused);
  }

  #onLinkChange(): void {
    const connected = this.#isConnected;
    if (!connected && this.#health.downForMs === 0) this.#disconnectedAt = Date.now();
    if (!connected || this.#refused.length > 0) this.#schedule(0);
  }

  #schedule(ms: number): void {
    if (this.#closed || this.#checking) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), ms);
  }

  /**
   * Checks whether a broker answers, so that an idle gateway notices an outage and recovers without a request. A broker
   * that closes connections regularly, because of a limit, is not an outage. An outage is two failed checks in succession.
   */
  async #check(): Promise<void> {
    this.#checking = true;
    const failure = await this.#reachBroker().then(
      () => undefined,
      (error: Error) => error,
    );
    for (const link of this.#refused) await link.get().catch(() => {});
    const connected = this.#isConnected;
    const [refused] = this.#refused;
    const succeeded = connected && failure === undefined;
    const error = succeeded ? refused?.lastError : (failure ?? NO_BROKERS);
    this.#failedChecks = succeeded ? 0 : this.#failedChecks + 1;
    if (this.#failedChecks !== 1 || this.#health.fault || this.#health.downForMs > 0)
      this.#health.update(error && faultOfError(error), connected ? undefined : this.#disconnectedAt);
    this.#checking = false;
    this.#schedule(succeeded ? (refused ? REFUSED_CHECK_MS : CHECK_MS) : DOWN_CHECK_MS);
  }

  /** @throws BrokerGone, BrokerRefused, AdvertisedUnreachable */
  async #reachBroker(): Promise<void> {
    const connection = await this.#anyConnection(this.#addresses());
    const answer = await this.#request(connection, Metadata, metadataOf([]));
    this.setBrokers(answer.brokers);
    const brokers = [...this.#nodes.values()];
    if (brokers.some((broker) => nameOf(broker) === connection.address)) return;
    await this.#anyConnection(brokers).catch((error: unknown) => {
      throw error instanceof BrokerRefused ? error : new AdvertisedUnreachable(connection.address, error);
    });
  }
}

const NO_BROKERS = new BrokerGone("the connections to all brokers were closed", { sent: false });
const controlKey = (address: Address): string => `${nameOf(address)}/${CONTROL}`;
