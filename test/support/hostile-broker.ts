// A proxy in front of the development broker. It replaces the responses of one API with hostile ones while `replace` is set.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { FrameSplitter } from "../../src/wire/frame.ts";
import { afterTest } from "./after-test.ts";
import { withAddress, withLength } from "./kafka-proxy.ts";

/** An answer of the broker. */
export interface Answer {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  /** The frame with its length, as the broker sent it, with the address of the proxy. */
  readonly bytes: Buffer;
}

/** What the proxy sends instead of an answer; `close` closes the connection, `silence` sends nothing. */
export type Hostile = Buffer | "close" | "silence";

export interface HostileBroker {
  /** `host:port`. */
  readonly address: string;
  /** Called per answer; undefined passes it on. Set by the test. */
  replace: ((answer: Answer) => Hostile | undefined) | undefined;
  /** The number of answers that were replaced. */
  replaced: number;
}

const MOST = 200 * 1024 * 1024;

/** Starts the proxy; it stops after the test. @param target `host:port` of the broker */
export async function startHostileBroker(target: string): Promise<HostileBroker> {
  const [host = "", port = ""] = target.split(":");
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const broker = net.connect(Number(port), host);
    const close = (): void => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on("error", close).on("close", () => {
        sockets.delete(socket);
        close();
      });
    }
    const pending = new Map<number, { apiKey: number; version: number }>();
    const requests = new FrameSplitter(MOST);
    client.on("data", (chunk: Buffer) => {
      for (const frame of requests.push(chunk)) {
        pending.set(frame.readInt32BE(4), {
          apiKey: frame.readInt16BE(0),
          version: frame.readInt16BE(2),
        });
        broker.write(withLength(frame));
      }
    });
    const answers = new FrameSplitter(MOST);
    broker.on("data", (chunk: Buffer) => {
      for (const frame of answers.push(chunk)) {
        const correlationId = frame.readInt32BE(0);
        const request = pending.get(correlationId) ?? { apiKey: -1, version: 0 };
        pending.delete(correlationId);
        const bytes = withAddress(request, frame, hostile.address);
        const sent = hostile.replace?.({ ...request, correlationId, bytes });
        if (sent !== undefined) hostile.replaced++;
        if (sent === "close") close();
        else if (sent !== "silence" && !client.destroyed) client.write(sent ?? bytes);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const hostile: HostileBroker = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    replace: undefined,
    replaced: 0,
  };
  return hostile;
}
