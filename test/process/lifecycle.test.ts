// The process starts before Kafka, and stops under load without losing an accepted record.

import { strict as assert } from "node:assert";
import { startDevBroker, useBroker } from "../support/broker.ts";
import { readyStatus, untilReady } from "../support/http.ts";
import { freePort } from "../support/net.ts";
import { startWith } from "../support/process.ts";
import { readPartition } from "../support/read-back.ts";
import { until } from "../support/until.ts";

describe("process: lifecycle", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("SIGTERM under load loses no accepted record, and no client that follows Connection: close is refused during the drain", async () => {
    const topic = await broker.topic();
    const gateway = await startWith({ kafka: { brokers: broker.addresses() }, stop: { drain: "2s" } });
    const accepted: string[] = [];
    const failures: string[] = [];
    let draining = false;
    let closes = 0;
    const client = async (name: number): Promise<void> => {
      for (let n = 0; ; n++) {
        const value = `${name}-${n}`;
        const sentAt = Date.now();
        try {
          const response = await fetch(`${gateway.apiUrl}/topics/${topic}`, { method: "POST", body: value });
          if (response.headers.get("connection") === "close") closes++;
          if (response.status === 200) accepted.push(value);
          else failures.push(`${response.status}`);
          await response.text();
        } catch (error) {
          // A refused connection is expected after the drain, because the listener is closed.
          if (!draining || sentAt < drainEnds - 200) failures.push(String((error as Error).cause ?? error));
          return;
        }
      }
    };
    let drainEnds = Number.POSITIVE_INFINITY;
    const clients = Array.from({ length: 20 }, (_, name) => client(name));
    await until(() => accepted.length > 200);
    draining = true;
    drainEnds = Date.now() + 2000;
    const ended = gateway.end("SIGTERM");
    await until(async () => (await readyStatus(gateway)) === 503);
    assert.equal(await ended, 0);
    await Promise.all(clients);
    assert.deepEqual(failures, []);
    assert.ok(closes > 0, "clients were asked to close");
    const stored = new Set(
      (await readPartition(broker.addresses(), topic)).map(({ value }) => value?.toString()),
    );
    assert.deepEqual(
      accepted.filter((value) => !stored.has(value)),
      [],
    );
  });

  it("ends at once after a second signal", async () => {
    const gateway = await startWith({ kafka: { brokers: broker.addresses() }, stop: { drain: "30s" } });
    gateway.child.kill("SIGTERM");
    await until(() => gateway.stdout().includes("onramp stopping"));
    assert.equal(await gateway.end("SIGTERM"), 1);
  });

  it("stops at SIGHUP, which a closed terminal sends, as at SIGTERM", async () => {
    const gateway = await startWith({ kafka: { brokers: broker.addresses() } });
    assert.equal(await gateway.end("SIGHUP"), 0);
    assert.match(gateway.stdout(), /onramp stopping[\s\S]*onramp stopped/);
  });

  it("starts without Kafka, reports why it is not ready, and becomes ready when Kafka comes", async () => {
    const port = await freePort();
    const gateway = await startWith({ kafka: { brokers: [`127.0.0.1:${port}`] }, topics: { late: {} } });
    const early = await fetch(`${gateway.adminUrl}/readyz`);
    assert.equal(early.status, 503);
    assert.match(await early.text(), /ECONNREFUSED/);
    const refused = await fetch(`${gateway.apiUrl}/topics/late`, { method: "POST", body: "x" });
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
    const late = await startDevBroker({ port });
    late.createTopic("late");
    await untilReady(gateway);
    assert.equal((await fetch(`${gateway.apiUrl}/topics/late`, { method: "POST", body: "x" })).status, 200);
  });
});
