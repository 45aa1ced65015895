// The decoders of the answers of other HTTP servers.

import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { AnswerTooLarge, fetchAnswer } from "../../../src/web/answer.ts";
import { HttpFailure } from "../../../src/web/failure.ts";
import { afterTest } from "../after-test.ts";
import { type FuzzTarget, only } from "./target.ts";

const BODY = Buffer.from('{"items":[{"id":1},{"id":2}]}'.repeat(40));
const answer = (headers: string, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n`), body]);
const encoded = (coding: string, body: Buffer): Buffer =>
  answer(`content-encoding: ${coding}\r\ncontent-length: ${body.length}`, body);

/** Starts a server, which stops after the test, whose answers are the inputs. */
export async function startWebTarget(): Promise<FuzzTarget> {
  let input: Buffer = Buffer.alloc(0);
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.end(input));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => void server.close());
  const request = {
    receiver: "the server",
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    method: "GET",
    headers: {},
    body: Buffer.alloc(0),
    timeoutMs: 5000,
    agent: new http.Agent(),
    now: 0,
  };
  const never = new AbortController().signal;
  return {
    name: "the answer of an HTTP server",
    samples: [
      answer(`content-length: ${BODY.length}`, BODY),
      answer("transfer-encoding: chunked", Buffer.from("5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\na: b\r\n\r\n")),
      encoded("gzip", gzipSync(BODY)),
      encoded("deflate", deflateSync(BODY)),
      encoded("br", brotliCompressSync(BODY)),
      encoded("gzip, br", brotliCompressSync(gzipSync(Buffer.alloc(500_000)))),
      Buffer.from("HTTP/1.1 429 Too Many\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno"),
    ],
    words: [
      "\r\n",
      "\r\n\r\n",
      "HTTP/1.1 ",
      "100",
      "204",
      "304",
      "content-length: ",
      "gzip, gzip, gzip",
      "chunked",
      "ffffffff",
    ],
    decode(given) {
      input = given;
      return fetchAnswer(request, 1024 * 1024, never);
    },
    allows: only(HttpFailure, AnswerTooLarge),
  };
}
