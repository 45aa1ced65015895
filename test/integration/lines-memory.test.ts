// A body of lines without end costs no more memory than a short one.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { writeConfig } from "../support/gateway.ts";
import { streamLines } from "../support/lines.ts";
import { rss, start } from "../support/process.ts";

const soak = process.env["ONRAMP_SOAK"] === "1";
const MEGABYTE = 1024 * 1024;
const TOTAL = (soak ? 5000 : 200) * MEGABYTE;
const LINE = `${JSON.stringify({ orderId: "o-1", note: "x".repeat(250) })}\n`;
const BLOCK = Buffer.from(LINE.repeat(1000));

describe("lines without end", function () {
  this.timeout(600_000);
  const broker = useBroker();

  it(`${TOTAL / MEGABYTE} MB: every line has its receipt, and resident memory stays under 150 MB`, async () => {
    const topic = await broker.topic({ partitions: 3, config: { "retention.bytes": "50000000" } });
    const config = writeConfig({ kafka: { brokers: broker.addresses() }, stop: { drain: "0ms" } });
    const gateway = await start(["start", "--config", config]);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, rss(gateway.child.pid));
    }, 20);
    const times = Math.ceil(TOTAL / BLOCK.length);
    const receipts = await streamLines(`${gateway.apiUrl}/topics/${topic}`, BLOCK, times);
    clearInterval(watch);
    assert.equal(receipts, times * 1000);
    console.log(`      ${receipts} lines, RSS at most ${(most / MEGABYTE).toFixed(0)} MB`);
    assert.ok(most < 150 * MEGABYTE, `resident memory reached ${(most / MEGABYTE).toFixed(0)} MB`);
    assert.equal(await gateway.end(), 0);
  });
});
