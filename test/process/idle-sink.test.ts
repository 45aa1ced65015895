// The cost of a sink that has nothing to deliver.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { useBroker } from "../support/broker.ts";
import { sinkState } from "../support/http.ts";
import { cpuSeconds, startMeasured } from "../support/process.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const SECONDS = soak ? 60 : 5;
/** One percent of a core; CI allows ten times as much. */
const MOST = soak ? 0.01 : 0.1;

describe("process: an idle sink", function () {
  this.timeout(120_000);
  const broker = useBroker();

  it(`on 500 partitions uses less than ${MOST * 100} % of a core`, async () => {
    const topic = await broker.topic({ partitions: 500 });
    const sink = { type: "webhook", url: "http://127.0.0.1:9/", topics: [topic], from: "earliest" };
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true },
      sinks: { out: { ...sink, allowAddresses: ["127.0.0.1/32"] } },
    });
    await until(async () => (await sinkState(gateway)).partitions.length === 500, 30_000);
    await delay(soak ? 10_000 : 2000);
    const before = cpuSeconds(gateway.child.pid);
    await delay(SECONDS * 1000);
    const share = (cpuSeconds(gateway.child.pid) - before) / SECONDS;
    console.log(`      ${(share * 100).toFixed(2)} % of a core`);
    assert.ok(share < MOST);
  });
});
