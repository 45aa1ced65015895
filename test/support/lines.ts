// A client of NDJSON that writes and reads at the same time, as the format requires.

import { once } from "node:events";
import http from "node:http";
import { createInterface } from "node:readline";
import type { Gateway } from "../../src/app/gateway.ts";
import { afterTest } from "./after-test.ts";
import { NDJSON } from "./http.ts";

/** A request of lines in flight. */
export interface LinesExchange {
  /** Writes bytes; resolves when there is room for more. */
  write(bytes: string | Buffer): Promise<void>;
  /** The next answer; undefined at the end. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
  next(): Promise<any>;
  end(): void;
  /** Cuts the connection. */
  cut(): void;
  status(): Promise<number>;
}

/** Starts a request of lines; it is cut after the test unless it has ended. */
export function openLines({ apiUrl }: Pick<Gateway, "apiUrl">, path: string): LinesExchange {
  const request = http.request(`${apiUrl}${path}`, {
    method: "POST",
    headers: { "content-type": NDJSON },
  });
  const response = once(request, "response") as Promise<[http.IncomingMessage]>;
  // A caller that waits for a line of the response gets the error.
  response.catch(() => {});
  request.on("error", () => {});
  afterTest(() => request.destroy());
  let lines: AsyncIterator<string> | undefined;
  return {
    async write(bytes) {
      if (!request.write(bytes)) await once(request, "drain");
    },
    async next() {
      lines ??= createInterface({ input: (await response)[0] })[Symbol.asyncIterator]();
      const { value, done } = await lines.next();
      return done ? undefined : JSON.parse(value);
    },
    end: () => void request.end(),
    cut: () => void request.destroy(),
    status: async () => (await response)[0].statusCode ?? 0,
  };
}

/**
 * Streams `block` repeatedly and reads the response at the same time.
 *
 * @returns the number of receipts
 * @throws when the response contains anything else
 */
export async function streamLines(url: string, block: Buffer, times: number): Promise<number> {
  const request = http.request(url, { method: "POST", headers: { "content-type": NDJSON } });
  const receipts = (once(request, "response") as Promise<[http.IncomingMessage]>).then(async ([response]) => {
    let [written, failed] = [0, false];
    for await (const chunk of response as AsyncIterable<Buffer>) {
      written += lineEnds(chunk);
      failed ||= chunk.includes("error_code");
    }
    if (response.statusCode !== 200 || failed)
      throw new Error(`lines were answered ${response.statusCode}${failed ? ", with problems" : ""}`);
    return written;
  });
  for (let sent = 0; sent < times; sent++)
    if (!request.write(block)) await Promise.race([once(request, "drain"), receipts]);
  request.end();
  return receipts;
}

function lineEnds(chunk: Buffer): number {
  let found = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) found++;
  return found;
}

/** The head of a request of lines, as bytes for a raw connection. @param rest more header lines, each with CRLF */
export const linesHead = (topic: string, rest = ""): string =>
  `POST /topics/${topic} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${NDJSON}\r\n${rest}\r\n`;
