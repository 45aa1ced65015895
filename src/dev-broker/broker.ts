// A small Kafka broker for development and tests: one node, in memory, on 127.0.0.1 only. Implements the APIs that
// ordinary clients use; the conformance suite compares it with Apache Kafka. Not for production.

import { once } from "node:events";
import net from "node:net";
import { adminApis } from "./apis/admin.ts";
import { clusterApis } from "./apis/cluster.ts";
import { fetchApi } from "./apis/fetch.ts";
import { groupApis } from "./apis/group.ts";
import { offsetApis } from "./apis/offsets.ts";
import { produceApi } from "./apis/produce.ts";
import { transactionApis } from "./apis/transaction.ts";
import type { Endpoint } from "./endpoint.ts";
import { Faults } from "./faults.ts";
import { Groups } from "./groups.ts";
import { serve } from "./session.ts";
import type { State } from "./state.ts";
import { Topics } from "./topics.ts";
import { Transactions } from "./transactions.ts";

/** The loopback address: the broker has no access control, so other machines must not reach it. */
const HOST = "127.0.0.1";
const DEFAULT_RETENTION = 256 * 1024 * 1024;

export interface DevBrokerOptions {
  /** The port to listen on. Default: 0, any free port. */
  readonly port?: number;
  /**
   * The maximum total of bytes in all topics without compaction. Above it, the oldest records are deleted.
   * Default: 256 MB.
   */
  readonly retentionBytes?: number;
  /** The offered versions per API (its key), for tests with the versions of another broker. Others are not offered. */
  readonly versions?: ReadonlyMap<number, readonly [lowest: number, highest: number]> | undefined;
  /** The port in the metadata, for tests. Default: the port on which the broker listens. */
  readonly advertisedPort?: number | undefined;
}

/** The development broker. */
export class DevBroker {
  /** Injects faults, for tests. */
  readonly faults = new Faults();
  readonly #state: State;
  readonly #endpoints: ReadonlyMap<number, Endpoint>;
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;

  constructor({
    port = 0,
    retentionBytes = DEFAULT_RETENTION,
    versions,
    advertisedPort,
  }: DevBrokerOptions = {}) {
    const topics = new Topics(retentionBytes);
    this.#state = {
      topics,
      groups: new Groups(),
      transactions: new Transactions(topics, this.faults),
      faults: this.faults,
      host: HOST,
      port,
      advertisedPort,
    };
    const all: Endpoint[] = [];
    all.push(...clusterApis(() => all), produceApi, fetchApi, ...offsetApis, ...transactionApis);
    all.push(...adminApis, ...groupApis);
    if (versions) all.splice(0, all.length, ...all.flatMap((served) => limited(served, versions)));
    this.#endpoints = new Map(all.map((served) => [served.api.key, served]));
  }

  /** `host:port`. The port is 0 before `start` when a free port is requested. */
  get address(): string {
    return `${HOST}:${this.#state.port}`;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * Starts to listen; after `stop`, on the same port again.
   *
   * @throws the error of the server, such as EADDRINUSE
   */
  async start(): Promise<void> {
    const server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      serve(socket, this.#state, this.#endpoints);
    });
    server.listen(this.#state.port, HOST);
    await once(server, "listening");
    this.#server = server;
    this.#state.port = (server.address() as net.AddressInfo).port;
  }

  /** Stops listening and closes every connection. Topics and groups are kept for a later `start`. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#state.groups.stop();
    await closed;
  }

  /** Closes all connections and keeps listening, as a broker that closes idle connections does. For tests. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.end();
  }

  /** Truncates a partition at `offset`, as an unclean leader election does. For tests. */
  truncate(topic: string, partition: number, offset: number): void {
    this.#state.topics.log(topic, partition)?.truncate(offset);
  }

  /** Removes every transactional id without a transaction, as `transactional.id.expiration.ms` does. For tests. */
  expireTransactionalIds(): void {
    this.#state.transactions.expire();
  }

  /** Creates a topic if it does not exist. */
  createTopic(name: string, partitions = 1, config: Readonly<Record<string, string>> = {}): void {
    if (!this.#state.topics.get(name)) this.#state.topics.create(name, partitions, Object.entries(config));
  }
}

/** The endpoint with the versions that it and the table have in common; none when there are none. */
function limited(served: Endpoint, versions: NonNullable<DevBrokerOptions["versions"]>): Endpoint[] {
  const [lowest, highest] = versions.get(served.api.key) ?? [0, -1];
  const [min, max] = [Math.max(served.min, lowest), Math.min(served.max, highest)];
  return min <= max ? [{ ...served, min, max }] : [];
}
