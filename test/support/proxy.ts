// A proxy that opens tunnels (CONNECT), and stores the requests for them.

import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { useProxyVariables } from "../../src/web/environment-proxy.ts";
import { afterTest } from "./after-test.ts";

/** A request for a tunnel. */
export interface Tunnel {
  /** `host:port`. */
  readonly target: string;
  /** The header `proxy-authorization`. */
  readonly authorization: string | undefined;
}

export interface Proxy {
  readonly url: string;
  readonly tunnels: readonly Tunnel[];
  /** Returns the status of the answer to CONNECT; 200 opens a tunnel to `target`, undefined answers nothing. */
  script: () => number | undefined;
  /** The `host:port` that all tunnels lead to; by default the target of each. */
  target: string | undefined;
}

/** Starts a proxy, which stops after the test. */
export async function startProxy(): Promise<Proxy> {
  const tunnels: Tunnel[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer((_, res) => res.writeHead(405).end());
  server.on("connection", (socket: net.Socket) => sockets.add(socket));
  server.on("connect", (req, client: net.Socket) => {
    const target = req.url ?? "";
    tunnels.push({ target, authorization: req.headers["proxy-authorization"] });
    const status = proxy.script();
    if (status === undefined) return;
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const { port, hostname } = new URL(`http://${proxy.target ?? target}`);
    const upstream = net.connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream);
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tunnels,
    script: () => 200,
    target: undefined,
  };
  afterTest(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return proxy;
}

/** Sets the proxies of this process until the end of the test. */
export function setProxies(given: Readonly<Record<string, string>>): void {
  useProxyVariables(given);
  afterTest(() => useProxyVariables({}));
}
