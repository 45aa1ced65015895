// Kafka goes away and comes back: the answers say so, memory stays flat, nothing acknowledged is lost, and no
// restart is needed. On the development broker, and on Apache Kafka where the suite may start one.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { DevBroker } from "../../src/dev-broker/broker.ts";
import { startCluster } from "../support/apache-kafka/cluster.ts";
import { createTopic } from "../support/broker.ts";
import { writeConfig } from "../support/gateway.ts";
import { longest, startLoad, verify } from "../support/load.ts";
import { rss, start } from "../support/process.ts";
import { until } from "../support/until.ts";

const soak = process.env["ONRAMP_SOAK"] === "1";
const apache = process.env["ONRAMP_TEST_APACHE"] === "1";
const AWAY_MS = soak ? 60_000 : 10_000;
const CLIENTS = soak ? 1000 : 200;
const MEGABYTE = 1024 * 1024;

interface Outage {
  readonly brokers: string[];
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

async function devOutage(): Promise<Outage> {
  const broker = new DevBroker();
  await broker.start();
  return {
    brokers: [broker.address],
    down: () => broker.stop(),
    up: () => broker.start(),
    stop: () => broker.stop(),
  };
}

async function apacheOutage(): Promise<Outage> {
  const cluster = await startCluster({ brokers: 1 });
  const [broker] = cluster.brokers;
  return {
    brokers: cluster.bootstrap,
    down: async () => broker?.kill(),
    up: async () => broker?.start(),
    stop: () => cluster.stop(),
  };
}

for (const [name, begin] of [
  ["development broker", devOutage],
  ...(apache ? [["Apache Kafka, killed", apacheOutage] as const] : []),
] as const) {
  describe(`Kafka away: ${name}`, function () {
    this.timeout(AWAY_MS * 3 + 120_000);

    it(`for ${AWAY_MS / 1000} s under ${CLIENTS} connections: 503 at once, flat memory, recovery, no loss`, async () => {
      const outage = await begin();
      const topic = await createTopic(outage.brokers, { partitions: 3 });
      const gateway = await start([
        "start",
        "--config",
        writeConfig({ kafka: { brokers: outage.brokers }, stop: { drain: "0ms" } }),
      ]);
      const load = startLoad(gateway.apiUrl, `/topics/${topic}`, CLIENTS, { pauseMs: 100 });
      await until(() => load.posted.filter(({ status }) => status === 200).length > CLIENTS * 5, 30_000);
      const before = rss(gateway.child.pid);
      await outage.down();
      const downAt = load.posted.length;
      let most = 0;
      for (const end = Date.now() + AWAY_MS; Date.now() < end; await delay(100))
        most = Math.max(most, rss(gateway.child.pid));
      const during = load.posted.slice(downAt);
      const late = during.slice(-CLIENTS);
      assert.deepEqual([...new Set(late.map(({ status }) => status))], [503]);
      assert.ok(longest(late) < 1000, "refused at once");
      assert.ok(longest(during) < 6500, "answered by the deadline");
      assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503);
      await outage.up();
      const upAt = load.posted.length;
      await until(
        () => load.posted.slice(upAt).filter(({ status }) => status === 200).length > CLIENTS * 5,
        60_000,
      );
      await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 200);
      const posted = await load.stop();
      await verify(outage.brokers, topic, 3, posted);
      const after = rss(gateway.child.pid);
      const grown = (most - before) / MEGABYTE;
      assert.ok(grown < 64, `resident memory grew by ${grown.toFixed(0)} MB`);
      assert.ok(after - before < 64 * MEGABYTE, "and comes back");
      if (soak)
        console.log(
          `      RSS before ${(before / MEGABYTE).toFixed(0)} MB, at most +${grown.toFixed(0)} MB, then ${(after / MEGABYTE).toFixed(0)} MB; ${posted.length} posts, ${posted.filter(({ status }) => status === 200).length} acknowledged`,
        );
      assert.equal(await gateway.end(), 0);
      await outage.stop();
    });
  });
}
