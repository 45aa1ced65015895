// The source `sse` keeps the contract of sources.

import type { ServerResponse } from "node:http";
import { sourceContract } from "../../contract/source.ts";
import { useApi } from "../../support/api-double.ts";
import { describeIf, thorough } from "../../support/broker.ts";

let last = 0;
const clients = new Map<ServerResponse, number>();

function push(): void {
  for (const [res, sent] of clients) {
    for (let n = sent + 1; n <= last; n++) res.write(`id: ${n}\ndata: {"n":${n}}\n\n`);
    clients.set(res, last);
  }
}

describeIf(thorough, "sources: sse", () => {
  const api = useApi(({ headers }, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
    clients.set(res, Number(headers["last-event-id"] ?? 0));
    res.on("close", () => clients.delete(res));
    push();
    return undefined;
  });
  sourceContract("sse", {
    options: (topic) => ({ type: "sse", topic, url: api().url, linger: "5ms", key: "n", maxEvents: 2 }),
    numberIn: ({ value }) => JSON.parse(String(value)).n,
    feed: (number) => {
      last = Math.max(last, number);
      push();
    },
  });
});
