// A proxy in front of one broker that understands requests: it can lose, hold and delay them, and cut their answers. It
// replaces the address of the broker in answers with its own.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { FrameSplitter } from "../../src/wire/frame.ts";
import { decodeResponse, encodeResponse } from "../../src/wire/message.ts";
import { FindCoordinator, Metadata } from "../../src/wire/messages/cluster.ts";
import { afterTest } from "./after-test.ts";

const MOST = 200 * 1024 * 1024;

/**
 * What happens to a request:
 * - `lose`: it does not reach the broker, and the connection is closed
 * - `cut`: it reaches the broker, and the connection is closed before the answer is returned
 * - `hold`: as `lose`, but `release` sends it to the broker later
 * - a number: the answer is delayed by this number of milliseconds
 */
export type RequestFault = "lose" | "cut" | "hold" | number;

interface Pending {
  readonly apiKey: number;
  readonly version: number;
  readonly fault: RequestFault | undefined;
}

/** A running proxy. */
export interface KafkaProxy {
  /** `host:port`. */
  readonly address: string;
  /** Called per request. Set by the test. */
  fault: (apiKey: number, frame: Buffer) => RequestFault | undefined;
  /** Sends the requests that were held to the broker, in order. @returns their answers, without the correlation ids */
  release(): Promise<Buffer[]>;
  /** The number of requests per API key. */
  readonly counts: Map<number, number>;
}

/** Starts a proxy; it stops after the test. @param target `host:port` of the broker */
export async function startKafkaProxy(target: string): Promise<KafkaProxy> {
  const [host = "", port = ""] = target.split(":");
  const held: Buffer[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const broker = net.connect(Number(port), host);
    const pending = new Map<number, Pending>();
    const close = (): void => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on("error", close).on("close", close);
    }
    const requests = new FrameSplitter(MOST);
    client.on("data", (chunk: Buffer) => {
      for (const frame of requests.push(chunk)) {
        const [apiKey, version, id] = [frame.readInt16BE(0), frame.readInt16BE(2), frame.readInt32BE(4)];
        proxy.counts.set(apiKey, (proxy.counts.get(apiKey) ?? 0) + 1);
        const fault = proxy.fault(apiKey, frame);
        if (fault === "hold") held.push(frame);
        if (fault === "hold" || fault === "lose") return close();
        pending.set(id, { apiKey, version, fault });
        broker.write(withLength(frame));
      }
    });
    const answers = new FrameSplitter(MOST);
    broker.on("data", (chunk: Buffer) => {
      for (const frame of answers.push(chunk)) {
        const request = pending.get(frame.readInt32BE(0));
        pending.delete(frame.readInt32BE(0));
        if (request?.fault === "cut") return close();
        const answer = request ? withAddress(request, frame, proxy.address) : withLength(frame);
        if (typeof request?.fault === "number") void delay(request.fault).then(() => client.write(answer));
        else client.write(answer);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const proxy: KafkaProxy = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: () => undefined,
    counts: new Map(),
    async release() {
      const received: Buffer[] = [];
      for (const frame of held.splice(0)) received.push(await exchange(host, Number(port), frame));
      return received;
    },
  };
  return proxy;
}

/** The answer with the address of the proxy instead of the broker's. */
export function withAddress(
  { apiKey, version }: Pick<Pending, "apiKey" | "version">,
  frame: Buffer,
  address: string,
): Buffer {
  const [host = "", port = ""] = address.split(":");
  const id = frame.readInt32BE(0);
  if (apiKey === Metadata.key) {
    const answer = decodeResponse(Metadata, version, frame);
    const brokers = answer.brokers.map((broker) => ({ ...broker, host, port: Number(port) }));
    return encodeResponse(Metadata, version, id, { ...answer, brokers });
  }
  if (apiKey !== FindCoordinator.key) return withLength(frame);
  const answer = decodeResponse(FindCoordinator, version, frame);
  return encodeResponse(FindCoordinator, version, id, { ...answer, host, port: Number(port) });
}

/** Sends one request on a connection of its own. @returns the answer after the correlation id */
async function exchange(host: string, port: number, frame: Buffer): Promise<Buffer> {
  const socket = net.connect(port, host);
  const splitter = new FrameSplitter(MOST);
  socket.write(withLength(frame));
  try {
    for await (const chunk of socket) {
      const [answer] = splitter.push(chunk as Buffer);
      if (answer) return answer.subarray(4);
    }
    throw new Error("the broker closed the connection");
  } finally {
    socket.destroy();
  }
}

export function withLength(frame: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(frame.length);
  return Buffer.concat([length, frame]);
}
