// Doubles of sockets and responses, and connections with a clock that only the test moves.

import { EventEmitter } from "node:events";
import http from "node:http";
import https from "node:https";
import type net from "node:net";
import { mock } from "node:test";
import { OnrampError } from "../../src/core/errors.ts";
import { Connections } from "../../src/http/connections.ts";
import { afterTest } from "./after-test.ts";

/** The problem of a request that did not arrive in time. */
export const late = new OnrampError(40801, "late");

/** A double of a socket, and the calls to it. */
export class FakeSocket extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort: number;
  readonly done: string[] = [];
  writableLength = 0;
  readonly flow: string[] = [];
  /** The bytes per millisecond that it receives. */
  rate = 1;
  constructor(remotePort = 1) {
    super();
    this.remotePort = remotePort;
  }
  get bytesRead(): number {
    return Date.now() * this.rate;
  }
  pause(): void {
    this.flow.push("pause");
  }
  resume(): void {
    this.flow.push("resume");
  }
  get socket(): net.Socket {
    return this as unknown as net.Socket;
  }
  end(text: string): void {
    this.done.push(`end ${text}`);
  }
  destroy(): void {
    this.done.push("destroy");
  }
  destroySoon(): void {
    this.done.push("destroySoon");
  }
}

/** A double of a response whose request is complete, or is being received. */
export class FakeResponse extends EventEmitter {
  headersSent = false;
  readonly req: { complete: boolean; url: string; rawHeaders: string[] };
  constructor(complete: boolean, url = "/") {
    super();
    this.req = { complete, url, rawHeaders: [] };
  }
  get res(): http.ServerResponse {
    return this as unknown as http.ServerResponse;
  }
}

/** Connections with a clock that only the test moves. */
export function startConnections(secure = false) {
  mock.timers.enable({ apis: ["Date", "setInterval", "setTimeout"], now: 1_000_000 });
  afterTest(() => mock.timers.reset());
  const server = secure ? https.createServer() : http.createServer();
  // Without this, Node.js would treat the doubles as real sockets.
  server.removeAllListeners("connection");
  const connections = new Connections(server as http.Server, late);
  afterTest(() => connections.close());
  return {
    server,
    connections,
    connect(port?: number): FakeSocket {
      const fake = new FakeSocket(port);
      server.emit("connection", fake);
      return fake;
    },
    /** A request on a connection. */
    request(socket: FakeSocket, complete = true): FakeResponse {
      const fake = new FakeResponse(complete);
      connections.track(socket.socket, fake.res, () => {});
      return fake;
    },
  };
}
/** Waits for iterations of the event loop. */
export const turn = async (): Promise<void> => {
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
};
/** Lets time pass in the steps of the checks. */
export function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 5000) mock.timers.tick(5000);
}
