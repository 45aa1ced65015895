// A takeover is fast after very many transactions on one state partition, because compaction keeps the state topic small.

import { strict as assert } from "node:assert";
import { statePartition } from "../../src/app/state-topic.ts";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { acceptedRecord } from "../support/segments.ts";
import { soak } from "../support/soak.ts";
import { committedNumbers, counting, scripted, sourceState, upTo } from "../support/sources.ts";
import { startTransactions } from "../support/transactional-producers.ts";
import { until } from "../support/until.ts";

const TRANSACTIONS = soak ? 1_000_000 : 1000;
const WRITERS = soak ? 32 : 8;
const TAKEOVER_MS = 30_000;

describe("sources are taken over quickly", function () {
  this.timeout(soak ? 3_600_000 : 120_000);
  const broker = useBroker();

  it(`after ${TRANSACTIONS} transactions on their state partition`, async () => {
    const topic = await broker.topic();
    const namespace = `ns-${topic}`;
    const partition = statePartition("in");
    const start = () =>
      startTestGateway(broker.addresses(), {
        kinds: { sources: [scripted(counting(5))] },
        kafka: { createTopics: true, namespace },
        sources: { in: { type: "scripted", topic } },
      });
    const first = await start();
    await until(async () => (await sourceState(first)).records > 3);
    await first.stop();
    const began = Date.now();
    const value = JSON.stringify({ version: 1, type: "x", cursorVersion: 1, cursor: { number: 1, time: 1 } });
    await Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        const { producer } = await startTransactions(broker.addresses(), `${namespace}-w${writer}`);
        const key = Buffer.from(`other-${writer}`);
        for (let n = 0; n < TRANSACTIONS / WRITERS; n++) {
          const record = acceptedRecord(value, { key, partition, timestamp: Date.now() } as object);
          await producer.commit([{ topic: `${namespace}.sources`, record }]);
        }
      }),
    );
    const wroteMs = Date.now() - began;
    const startedAt = Date.now();
    const next = await start();
    await until(async () => (await sourceState(next)).records > 0, 10 * TAKEOVER_MS);
    const tookMs = Date.now() - startedAt;
    console.log(`      ${TRANSACTIONS} transactions in ${wroteMs} ms, taken over in ${tookMs} ms`);
    assert.ok(tookMs < TAKEOVER_MS, `${tookMs} ms`);
    await next.stop();
    const written = await committedNumbers(broker.addresses(), topic);
    assert.deepEqual(written, upTo(written.length));
  });
});
