// A receiver that fails in a way that the path of the request names, and repeats the request in its answer, as debug pages do.

import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterTest } from "./after-test.ts";

/** The ways to fail; the first segment of the path is one of them. */
export const FAILURES = [
  ...["400", "401", "403", "404", "407", "410", "429", "500", "503", "302", "101"],
  ...["200", "stall", "hang-up", "cut", "not-http", "bad-chunk", "bad-gzip"],
] as const;

/** Starts the server, which stops after the test. @returns its port */
export async function startEchoingServer(): Promise<number> {
  const server = http.createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const [, failure = ""] = (req.url ?? "").split(/[/?]/);
    const body = Buffer.concat(chunks).toString();
    const { method, url, headers } = req;
    const basic = Buffer.from(
      String(headers.authorization ?? "").replace(/^Basic /i, ""),
      "base64",
    ).toString();
    const echo = JSON.stringify({ method, url, headers, body, basic, path: decodeURIComponent(url ?? "") });
    if (failure === "stall") return;
    if (failure === "hang-up") return void req.socket.destroy();
    if (failure === "not-http") return void req.socket.end(`${echo}\r\n\r\n`);
    if (failure === "bad-chunk")
      return void req.socket.end(`HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n${echo}\r\n`);
    if (failure === "101")
      return void req.socket.end(`HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n${echo}`);
    const status = /^\d+$/.test(failure) ? Number(failure) : 200;
    res.setHeader("location", `http://127.0.0.1${url}`);
    if (failure === "bad-gzip") res.setHeader("content-encoding", "gzip");
    if (failure === "cut") res.setHeader("content-length", String(echo.length + 10));
    res.writeHead(status, {
      "content-type": "application/json",
      "www-authenticate": `Basic realm="${encodeURI(url ?? "")}"`,
    });
    res.write(echo);
    if (failure === "cut") req.socket.end();
    else res.end();
  });
  // As a proxy.
  server.on("connect", ({ url, headers }, socket) => {
    socket.end(`HTTP/1.1 407 ${JSON.stringify(headers)}\r\n\r\n${url} ${JSON.stringify(headers)}`);
  });
  return listening(server);
}

/** Starts a PostgreSQL server that asks for the password in clear text, and repeats it in its error. @returns its port */
export async function startEchoingPostgres(): Promise<number> {
  const message = (code: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(code, 0, "latin1");
    head.writeUInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      if (chunk[0] === "p".charCodeAt(0)) {
        const password = chunk.subarray(5, -1).toString();
        const text = `the password ${password} (${encodeURIComponent(password)}) is wrong`;
        socket.end(message("E", Buffer.from(`SFATAL\0C28P01\0M${text}\0D${text}\0\0`)));
        // The request for TLS has 8 bytes.
      } else if (chunk.length === 8) socket.write("N");
      else socket.write(message("R", Buffer.from([0, 0, 0, 3])));
    });
  });
  return listening(server);
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterTest(() => {
    if (server instanceof http.Server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
