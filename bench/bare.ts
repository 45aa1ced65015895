// The baseline of the benchmark: a server that reads the body, parses it and answers, and stores nothing. Any server
// with this HTTP contract does at least this. It runs in its own process: `node bench/bare.ts` prints its port.

import http from "node:http";
import type { AddressInfo } from "node:net";

const server = http.createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on("data", (chunk: Buffer) => chunks.push(chunk));
  req.on("end", () => {
    const { records } = JSON.parse(Buffer.concat(chunks).toString()) as { records?: unknown[] };
    const body = JSON.stringify(
      records
        ? {
            offsets: records.map((_, offset) => ({ partition: 0, offset, error_code: null, error: null })),
            key_schema_id: null,
            value_schema_id: null,
          }
        : { topic: "bench", partition: 0, offset: 123456, timestamp: Date.now() },
    );
    res.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
    res.end(body);
  });
});
server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`),
);
