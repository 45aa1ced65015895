// A client that streams lines in and reads receipts as they come.

import { once } from "node:events";
import http from "node:http";
import { lines } from "./bodies.ts";

/** Sends `count` records as NDJSON, in blocks of a thousand lines. @returns how many receipts came back */
export async function streamLines(url: string, count: number): Promise<number> {
  const block = lines(1000);
  const request = http.request(url, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
  });
  const answered = once(request, "response") as Promise<[http.IncomingMessage]>;
  const receipts = answered.then(async ([response]) => {
    let [written, failed] = [0, 0];
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const text = chunk.toString("latin1");
      written += count10(text);
      if (text.includes('"error_code"')) failed++;
    }
    if (response.statusCode !== 200 || failed > 0)
      throw new Error(`NDJSON was answered ${response.statusCode}, with ${failed} problems`);
    return written;
  });
  for (let sent = 0; sent < count; sent += 1000) {
    if (!request.write(block)) await Promise.race([once(request, "drain"), receipts]);
  }
  request.end();
  return receipts;
}

/** Line ends in `text`. */
function count10(text: string): number {
  let found = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) found++;
  return found;
}
