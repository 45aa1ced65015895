// A small Kafka broker for laptops and tests: one node, in memory, on 127.0.0.1 alone. It speaks enough of the
// protocol for ordinary clients; the conformance suite holds it against Apache Kafka. Not for production.

import { once } from "node:events";
import net from "node:net";
import { adminApis } from "./apis/admin.ts";
import { clusterApis } from "./apis/cluster.ts";
import { fetchApi } from "./apis/fetch.ts";
import { groupApis } from "./apis/group.ts";
import { offsetApis } from "./apis/offsets.ts";
import { produceApi } from "./apis/produce.ts";
import type { Endpoint } from "./endpoint.ts";
import { Faults } from "./faults.ts";
import { Groups } from "./groups.ts";
import { serve } from "./session.ts";
import type { State } from "./state.ts";
import { Topics } from "./topics.ts";

/** Bound to the loopback address: what is in memory here is for this machine. */
const HOST = "127.0.0.1";
const DEFAULT_RETENTION = 256 * 1024 * 1024;

export interface DevBrokerOptions {
  /** 0 (the default) for any free one. */
  readonly port?: number;
  /** Bytes kept over all topics; past it the oldest records of topics that are not compacted go. Default 256 MB. */
  readonly retentionBytes?: number;
}

/** The development broker. */
export class DevBroker {
  /** Faults on purpose, for tests. */
  readonly faults = new Faults();
  readonly #state: State;
  readonly #endpoints: ReadonlyMap<number, Endpoint>;
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;

  constructor({ port = 0, retentionBytes = DEFAULT_RETENTION }: DevBrokerOptions = {}) {
    this.#state = {
      topics: new Topics(retentionBytes),
      groups: new Groups(),
      faults: this.faults,
      host: HOST,
      port,
      nextProducerId: 1000,
    };
    const all: Endpoint[] = [];
    all.push(...clusterApis(() => all), produceApi, fetchApi, ...offsetApis, ...adminApis, ...groupApis);
    this.#endpoints = new Map(all.map((each) => [each.api.key, each]));
  }

  /** `host:port`, once started. */
  get address(): string {
    return `${HOST}:${this.#state.port}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens; on the port of the last time when it was stopped before. @throws the listener's error, as EADDRINUSE */
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

  /** Stops listening and cuts every connection. What is in memory stays, for a later `start`. */
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

  /** Creates a topic where there is none of this name. */
  createTopic(name: string, partitions = 1, config: Readonly<Record<string, string>> = {}): void {
    if (!this.#state.topics.get(name)) this.#state.topics.create(name, partitions, Object.entries(config));
  }
}
