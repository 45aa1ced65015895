// The baseline of streams of events, in its own process: bare `node:http` that keeps responses open, and writes one event to
// each of them with `res.write`. `node bare-events.ts` prints its port. `POST /?rate=N` begins to write the event in
// its body N times per second to all clients; `rate=0` ends that.

import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const clients = new Set<ServerResponse>();
let run = 0;

const server = http.createServer((req, res) => {
  if (req.method === "POST") {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      run++;
      const rate = Number(new URL(req.url ?? "", "http://bare").searchParams.get("rate"));
      if (rate > 0) write(Buffer.concat(chunks), rate, run);
      res.end();
    });
    return;
  }
  clients.add(res);
  res.once("close", () => clients.delete(res));
  res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  res.write("retry: 3000\nevent: position\nid: AAAAAAAAAAAAAAAAAAAAAAAA\ndata: {}\n\n");
});
server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`),
);

/** Writes the event that is due to every client, in an iteration of the event loop of its own, as long as `own` is the current run. */
function write(event: Buffer, rate: number, own: number): void {
  const began = performance.now();
  let written = 0;
  const step = (): void => {
    if (run !== own) return;
    const due = ((performance.now() - began) * rate) / 1000;
    if (due < written) return void setTimeout(step, ((written - due) * 1000) / rate);
    written++;
    for (const client of clients) client.write(event);
    setImmediate(step);
  };
  step();
}
