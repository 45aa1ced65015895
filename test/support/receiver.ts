// A double of an external HTTP receiver. It stores the requests, and answers, stalls or closes the connection
// as the test specifies.

import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterTest } from "./after-test.ts";

/** The reply to a request: a status, no answer, a closed connection before or during the answer, or invalid HTTP. */
export type Reply =
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      readonly afterMs?: number;
    }
  | "stall"
  | "hang up"
  | "cut the answer"
  | "bad status line"
  | "bad chunk"
  | "bad chunk of a 400";

/** Replies that are not valid HTTP, as bytes. */
const INVALID = {
  "bad status line": "nonsense\r\n\r\n",
  "bad chunk": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n",
  "bad chunk of a 400": "HTTP/1.1 400 No\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nno\r\n",
};

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds, `Date.now`. */
  readonly at: number;
  readonly reply: Reply;
}

/** A running receiver. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly arrived: readonly Arrived[];
  /** The requests that were answered 2xx. */
  readonly taken: readonly Arrived[];
  /** Returns the reply to each following request. */
  script: (request: Omit<Arrived, "reply">) => Reply;
  stop(): Promise<void>;
}

const FINE: Reply = { status: 200, body: "ok" };

const isInvalid = (reply: string): reply is keyof typeof INVALID => reply in INVALID;

/** Starts a receiver, which stops after the test. @param port 0: any free port */
export async function startReceiver(port = 0): Promise<Receiver> {
  const arrived: Arrived[] = [];
  const server = http.createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const request = {
      method: req.method ?? "",
      path: req.url ?? "",
      headers: req.headers,
      body: Buffer.concat(chunks).toString(),
      at: Date.now(),
    };
    const reply = receiver.script(request);
    arrived.push({ ...request, reply });
    if (reply === "stall") return;
    if (reply === "hang up") return void req.socket.destroy();
    if (typeof reply === "string" && isInvalid(reply)) return void req.socket.end(INVALID[reply]);
    if (reply === "cut the answer") {
      res.writeHead(200, { "content-length": "100" });
      res.write("half", () => req.socket.destroy());
      return;
    }
    if (reply.afterMs) await new Promise((resolve) => setTimeout(resolve, reply.afterMs));
    res.writeHead(reply.status, { "content-type": "application/json", ...reply.headers });
    res.end(reply.body ?? "");
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    arrived,
    get taken() {
      return arrived.filter(
        ({ reply }) => typeof reply === "object" && reply.status >= 200 && reply.status < 300,
      );
    },
    script: () => FINE,
    async stop() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  afterTest(receiver.stop);
  return receiver;
}
