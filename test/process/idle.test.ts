// An idle gateway uses no CPU and prints no warning. Runs only in the soak test on Node 24, where the
// unpatched request queue of kafkajs causes a warning; CI does not assert CPU time.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { describeIf, useBroker } from "../support/broker.ts";
import { cpuSeconds, startMeasured } from "../support/process.ts";

const WINDOW_MS = 10_000;

describeIf(process.env["ONRAMP_NODE24"] === "1", "process: idle", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("uses under 1 % of a core when idle, and prints no warning", async () => {
    const topic = `idle-${Date.now()}`;
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true },
      topics: { [topic]: {} },
    });
    assert.equal(
      (await fetch(`${gateway.apiUrl}/topics/${topic}`, { method: "POST", body: "x" })).status,
      200,
    );
    await delay(1000);
    const before = cpuSeconds(gateway.child.pid);
    await delay(WINDOW_MS);
    const used = (cpuSeconds(gateway.child.pid) - before) * (1000 / WINDOW_MS);
    console.log(`      Node ${process.version}: ${(used * 100).toFixed(2)} % of a core`);
    assert.ok(used < 0.01);
    assert.equal(await gateway.end(), 0);
    assert.equal(gateway.stderr(), "");
  });
});
