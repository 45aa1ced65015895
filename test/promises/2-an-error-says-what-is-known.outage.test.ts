// Promise 2: Kafka stops and starts again. The responses report it, memory does not grow, no acknowledged
// record is lost, and no restart is needed. On the development broker, and on Apache Kafka if the suite may
// start it.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { afterTest } from "../support/after-test.ts";
import { startCluster } from "../support/apache-kafka/cluster.ts";
import { createTopic, mayStartApacheKafka, startDevBroker } from "../support/broker.ts";
import { readyStatus, untilReady } from "../support/http.ts";
import { longest, startLoad, verify } from "../support/load.ts";
import { rss, startWith } from "../support/process.ts";
import { bound, soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const AWAY_MS = soak ? 60_000 : 10_000;
const CLIENTS = soak ? 1000 : 200;
const MEGABYTE = 1024 * 1024;

interface Outage {
  readonly brokers: string[];
  down(): Promise<void>;
  up(): Promise<void>;
}

async function devOutage(): Promise<Outage> {
  const broker = await startDevBroker();
  return { brokers: [broker.address], down: () => broker.stop(), up: () => broker.start() };
}

async function apacheOutage(): Promise<Outage> {
  const cluster = await startCluster({ brokers: 1 });
  afterTest(() => cluster.stop());
  const [broker] = cluster.brokers;
  return { brokers: cluster.bootstrap, down: async () => broker?.kill(), up: async () => broker?.start() };
}

for (const [name, begin] of [
  ["development broker", devOutage],
  ...(mayStartApacheKafka ? [["Apache Kafka, killed", apacheOutage] as const] : []),
] as const) {
  describe(`promise 2: Kafka is unreachable (${name})`, function () {
    this.timeout(AWAY_MS * 3 + 120_000);

    it(`answers 503 at once for ${AWAY_MS / 1000} s under ${CLIENTS} connections, with flat memory, recovers, and loses nothing`, async () => {
      const outage = await begin();
      const topic = await createTopic(outage.brokers, { partitions: 3 });
      const gateway = await startWith({ kafka: { brokers: outage.brokers } });
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
      assert.ok(longest(late) < bound(1000, 4000), "refused at once");
      assert.ok(longest(during) < bound(6500), "answered by the deadline");
      assert.equal(await readyStatus(gateway), 503);
      await outage.up();
      const upAt = load.posted.length;
      await until(
        () => load.posted.slice(upAt).filter(({ status }) => status === 200).length > CLIENTS * 5,
        60_000,
      );
      await untilReady(gateway);
      const posted = await load.stop();
      await verify(outage.brokers, topic, 3, posted);
      const after = rss(gateway.child.pid);
      const grown = (most - before) / MEGABYTE;
      assert.ok(grown < 64, `resident memory grew by ${grown.toFixed(0)} MB`);
      assert.ok(after - before < 64 * MEGABYTE, "and decreases again");
      if (soak)
        console.log(
          `      RSS before ${(before / MEGABYTE).toFixed(0)} MB, at most +${grown.toFixed(0)} MB, then ${(after / MEGABYTE).toFixed(0)} MB; ${posted.length} posts, ${posted.filter(({ status }) => status === 200).length} acknowledged`,
        );
    });
  });
}
