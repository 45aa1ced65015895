// A server whose handler receives each request while its body is still arriving.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterTest } from "./after-test.ts";

/** Starts the server on a free port; it stops after the test. @returns its URL */
export async function startOpenServer(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
