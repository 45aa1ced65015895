// A receiver of webhooks for the benchmark, in its own process: answers 200, and `GET /` returns the number of deliveries
// and the times of the first and the last one. `node bench/receiver.ts` prints its port.

import http from "node:http";
import type { AddressInfo } from "node:net";

let count = 0;
let [first, last] = [0, 0];
const server = http.createServer((req, res) => {
  if (req.method === "GET") {
    res.end(JSON.stringify({ count, first, last }));
    count = 0;
    return;
  }
  req.resume().on("end", () => {
    last = performance.now();
    if (count === 0) first = last;
    count++;
    res.end();
  });
});
server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`),
);
