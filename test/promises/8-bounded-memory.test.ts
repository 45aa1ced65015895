// Promise 8: every queue has a bound, and every byte of a body counts as soon as it arrives. Measures the
// memory of a separate process.

import { strict as assert } from "node:assert";
import http from "node:http";
import { afterTest } from "../support/after-test.ts";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { connect, metric } from "../support/http.ts";
import { openLines, streamLines } from "../support/lines.ts";
import { rss, startMeasured, watchRss } from "../support/process.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;
const CLIENTS = soak ? 1000 : 200;
const LINE = `${JSON.stringify({ orderId: "o-1", note: "x".repeat(250) })}\n`;
const BLOCK = Buffer.from(LINE.repeat(1000));
const LINES_TOTAL = (soak ? 5000 : 200) * MEGABYTE;

describe("promise 8: bounded memory", function () {
  this.timeout(soak ? 600_000 : 120_000);
  const broker = useBroker();

  it(`${CLIENTS} clients that send 25 MB each at once keep resident memory under the budget + 150 MB`, async () => {
    const topic = await broker.topic({ config: { "max.message.bytes": "30000000" } });
    const gateway = await startMeasured({ kafka: { brokers: broker.addresses() } });
    const body = Buffer.alloc(25 * MEGABYTE, "x");
    const statuses = new Map<number, number>();
    const mostRss = watchRss(gateway);
    const agent = new http.Agent({ keepAlive: false, maxSockets: 2000 });
    afterTest(() => agent.destroy());
    const client = (): Promise<void> =>
      new Promise((resolve) => {
        const headers = { "content-length": body.length };
        const request = http.request(`${gateway.apiUrl}/topics/${topic}`, { method: "POST", agent, headers });
        request.on("response", (response) => {
          const status = response.statusCode ?? 0;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          response.resume().on("end", resolve);
        });
        request.on("error", () => resolve()).end(body);
      });
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const most = mostRss() / MEGABYTE;
    assert.ok(most < 64 + 150, `resident memory reached ${most.toFixed(0)} MB`);
    assert.ok(
      [...statuses.keys()].every((status) => [200, 413, 429, 503, 504].includes(status)),
      JSON.stringify([...statuses]),
    );
    if (soak)
      console.log(`      RSS at most ${most.toFixed(0)} MB; answers: ${JSON.stringify([...statuses])}`);
    await until(async () => (await metric(gateway, "onramp_in_flight_bytes")) === 0);
  });

  it("a body in chunks of one byte costs no more memory than its size", async () => {
    const topic = await broker.topic();
    const gateway = await startMeasured({ kafka: { brokers: broker.addresses() } });
    const before = rss(gateway.child.pid);
    const socket = await connect(gateway);
    socket.write(
      `POST /topics/${topic} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
    );
    const chunks = "1\r\nx\r\n".repeat(50_000);
    for (let n = 0; n < 4; n++) await new Promise<void>((resolve) => socket.write(chunks, () => resolve()));
    assert.ok(rss(gateway.child.pid) - before < 40 * MEGABYTE);
  });

  it(`${LINES_TOTAL / MEGABYTE} MB of lines get a receipt per line, and resident memory stays under 150 MB`, async () => {
    const topic = await broker.topic({ partitions: 3, config: { "retention.bytes": "50000000" } });
    const gateway = await startMeasured({ kafka: { brokers: broker.addresses() } });
    const mostRss = watchRss(gateway);
    const times = Math.ceil(LINES_TOTAL / BLOCK.length);
    const receipts = await streamLines(`${gateway.apiUrl}/topics/${topic}`, BLOCK, times);
    assert.equal(receipts, times * 1000);
    const most = mostRss() / MEGABYTE;
    console.log(`      ${receipts} lines, RSS at most ${most.toFixed(0)} MB`);
    assert.ok(most < 150, `resident memory reached ${most.toFixed(0)} MB`);
  });

  it("a client that does not read receipts is not read from, and needs little memory", async () => {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), { http: { maxBody: "1MB", budget: "8MB" } });
    const exchange = openLines(gateway, `/topics/${topic}`);
    const block = "1\n".repeat(50_000);
    let written = 0;
    const writing = (async () => {
      for (; written < 400; written++) await exchange.write(block);
    })();
    writing.catch(() => {});
    let before = -1;
    await until(async () => {
      if (written > 0 && written === before) return true;
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return false;
    }, 30_000);
    assert.ok(written < 400, "the sender is held back");
    const held = (await metric(gateway, "onramp_in_flight_bytes")) ?? Number.NaN;
    assert.ok(held < 4 * MEGABYTE, `${held} bytes are held`);
  });
});
