// A TCP proxy on 127.0.0.1 whose target can change, and that can drop connections silently, as load balancers do.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { afterTest } from "./after-test.ts";

export interface TcpProxy {
  readonly port: number;
  /** The port to which new connections are forwarded. */
  target: number;
  /** Discards all later data of the open connections, in both directions, and does not close them. */
  dropOpenConnections(): void;
  /** Closes the open connections, as a network that fails does. */
  closeOpenConnections(): void;
  /** Discards all later data that the target sends on an open connection. @param index by the time at which it was opened */
  discardAnswers(index: number): void;
}

/** Starts the proxy; it stops after the test. @param port the port to listen on; 0 for any free port */
export async function startTcpProxy(target: number, port = 0): Promise<TcpProxy> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  const muted = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(proxy.target, "127.0.0.1");
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on("error", () => {});
      from.on("data", (chunk) => pairs.has(pair) && !muted.has(from) && to.write(chunk));
      from.on("close", () => pairs.delete(pair) && to.destroy());
    }
    afterTest(() => {
      client.destroy();
      upstream.destroy();
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => server.close());
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    target,
    dropOpenConnections: () => pairs.clear(),
    closeOpenConnections() {
      for (const socket of [...pairs].flat()) socket.destroy();
    },
    discardAnswers(index) {
      const [, upstream] = [...pairs][index] ?? [];
      if (!upstream) throw new Error(`there is no connection ${index}`);
      muted.add(upstream);
    },
  };
  return proxy;
}
