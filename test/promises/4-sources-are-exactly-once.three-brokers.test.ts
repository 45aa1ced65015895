// Promise 4, while brokers of a cluster of three are killed: no record is lost or duplicated.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { useThreeBrokers } from "../support/apache-kafka/use-cluster.ts";
import { describeIf, mayStartApacheKafka } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { readTopic } from "../support/read-back.ts";
import { soak } from "../support/soak.ts";
import { committedNumbers, counting, scripted, sourceStates, upTo } from "../support/sources.ts";
import { until } from "../support/until.ts";

const KILLS = soak ? 20 : 3;
const names = ["a", "b", "c", "d"];

describeIf(mayStartApacheKafka, "promise 4: sources are exactly once, while brokers are killed", function () {
  this.timeout(soak ? 1_800_000 : 240_000);
  const cluster = useThreeBrokers();

  it(`${KILLS} kills of brokers lose and duplicate no record`, async () => {
    const namespace = `ns-${Date.now()}`;
    const topicOf = (name: string): string => `${namespace}-${name}`;
    const sources = names.map((name) => [name, { type: "scripted", topic: topicOf(name) }] as const);
    const gateway = await startTestGateway(
      cluster.bootstrap,
      {
        kinds: { sources: [scripted(counting(3))] },
        kafka: { createTopics: true, namespace },
        topics: Object.fromEntries(names.map((name) => [topicOf(name), { partitions: 1 }])),
        sources: Object.fromEntries(sources),
      },
      keepingLog(),
    );
    const counts = async (): Promise<number[]> => (await sourceStates(gateway)).map(({ records }) => records);
    await until(async () => (await counts()).every((count) => count > 20), 60_000);
    for (let kill = 0; kill < KILLS; kill++) {
      const broker = cluster.brokers[kill % 3];
      await broker?.kill();
      await delay(1000 + Math.random() * 4000);
      await broker?.start();
      const before = await counts();
      await until(async () => (await counts()).every((count, n) => count > (before[n] ?? 0) + 20), 60_000);
    }
    const written = await counts();
    await gateway.stop();
    for (const [n, name] of names.entries()) {
      // A broker that was killed serves an earlier end for a moment.
      await readTopic(cluster.bootstrap, topicOf(name), 1);
      await until(
        async () => (await committedNumbers(cluster.bootstrap, topicOf(name))).length >= (written[n] ?? 0),
        30_000,
      );
      const numbers = await committedNumbers(cluster.bootstrap, topicOf(name));
      assert.deepEqual(numbers, upTo(numbers.length));
    }
    console.log(`      ${written.join(" + ")} records`);
  });
});
