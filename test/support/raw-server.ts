// A server that answers the first bytes of each connection with fixed bytes, and closes the connection.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { afterTest } from "./after-test.ts";

/** Starts the server, which stops after the test. @returns its URL */
export async function startRawServer(answer: string): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.end(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
