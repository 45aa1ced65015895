// Finds free ports, and waits for listeners, on 127.0.0.1.

import { once } from "node:events";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** The port of a URL that names one. */
export const portOf = (url: string): number => Number(new URL(url).port);

const returned = new Set<number>();

/** A port that was free a moment ago, and that this process has not returned before. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  if (returned.has(port)) return freePort();
  returned.add(port);
  return port;
}

/**
 * Resolves when something accepts connections on `port`.
 *
 * @param exited returns the exit code once the process has ended
 */
export async function untilListening(
  port: number,
  exited: () => number | undefined,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const code = exited();
    if (code !== undefined) throw new Error(`the process ended with ${code} before it listened on ${port}`);
    if (await accepts(port)) return;
    await delay(50);
  }
  throw new Error(`nothing listened on ${port} within ${timeoutMs} ms`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
