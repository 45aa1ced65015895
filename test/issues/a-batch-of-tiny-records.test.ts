// A batch of very many small records, which a sink filters out, does not delay other requests.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Produce } from "../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { openConnection, produceOf, useBroker } from "../support/broker.ts";
import { post, sinkState } from "../support/http.ts";
import { startMeasured } from "../support/process.ts";
import { leaderOf } from "../support/read-back.ts";
import { wireRecord } from "../support/records.ts";
import { bound, soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const RECORDS = soak ? 700_000 : 70_000;
const PROBE_MS = 10;

describe("issue: a batch of tiny records", function () {
  this.timeout(120_000);
  const broker = useBroker();

  it(`${RECORDS} records of one byte are filtered once, while health checks and posts are answered`, async () => {
    const [topic, other] = [await broker.topic(), await broker.topic()];
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true },
      sinks: { out: { type: "webhook", url: "http://receiver.invalid/", topics: [topic], filter: "false" } },
    });
    const state = () => sinkState(gateway);
    await until(async () => (await state()).partitions.length === 1);
    const compression = { attribute: 1, compress: (bytes: Buffer) => gzipSync(bytes) } as const;
    const records = Array.from({ length: RECORDS }, () => wireRecord("x"));
    const batch = encodeBatch(records, undefined, compression);
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    const answer = await connection.request(Produce, 8, produceOf(topic, batch), 30_000);
    connection.close();
    assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
    // The development broker shares this process, and has decoded the batch before it answers.
    const done = new AbortController();
    const [health, posts] = [
      probe(done.signal, () => fetch(`${gateway.adminUrl}/healthz`)),
      probe(done.signal, () => post(gateway, `/topics/${other}`, "application/json", "1")),
    ];
    await until(async () => (await state()).lag === 0 && (await state()).skipped >= RECORDS, 60_000);
    await delay(200);
    done.abort();
    const [slowest, times] = [Math.max(...(await health)), (await posts).sort((a, b) => a - b)];
    const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
    console.log(
      `      longest health check ${slowest.toFixed(0)} ms, p99 of ${times.length} posts ${p99.toFixed(0)} ms`,
    );
    assert.equal((await state()).skipped, RECORDS);
    assert.ok(slowest < bound(100), `a health check took ${slowest} ms`);
    assert.ok(p99 < bound(100), `p99 of posts ${p99} ms`);
  });
});

/** Repeats a request until the signal is aborted. @returns the milliseconds that each one took */
async function probe(stopping: AbortSignal, request: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  while (!stopping.aborted) {
    const began = performance.now();
    await request();
    took.push(performance.now() - began);
    await delay(PROBE_MS);
  }
  return took;
}
