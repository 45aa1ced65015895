// Promises 6 and 7 for readers, on Apache Kafka with three brokers: the coordinator of a group is lost, and a log is
// truncated by an unclean election. Runs only if the suite may start a cluster (`npm run test:kafka`).

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { FindCoordinator } from "../../src/wire/messages/cluster.ts";
import type { KafkaBroker } from "../support/apache-kafka/cluster.ts";
import { createUncleanTopic, useThreeBrokers } from "../support/apache-kafka/use-cluster.ts";
import {
  createTopic,
  describeIf,
  mayStartApacheKafka,
  openConnection,
  produceWithKafkajs,
  withAdmin,
} from "../support/broker.ts";
import { groupName, numbers, startMember } from "../support/group-members.ts";
import { leaderOf } from "../support/read-back.ts";
import { bound } from "../support/soak.ts";
import { until } from "../support/until.ts";

const RECORDS = 600;
const PARTITIONS = 3;
/** The session of a broker ends after 9 s; then another one becomes the coordinator, and the member joins again. */
const LONGEST_GAP_MS = 25_000;

describeIf(mayStartApacheKafka, "promise 6: three brokers", function () {
  this.timeout(240_000);
  const cluster = useThreeBrokers();

  async function coordinatorOf(group: string): Promise<KafkaBroker> {
    const connection = await openConnection(cluster.bootstrap[0] ?? "");
    const request = { key: group, keyType: 0 };
    const answer = await connection
      .request(FindCoordinator, 2, request, 5000)
      .finally(() => connection.close());
    const found = cluster.brokers.find(({ id }) => id === answer.nodeId);
    assert.ok(found);
    return found;
  }

  const losses: Readonly<Record<string, (broker: KafkaBroker) => Promise<void> | void>> = {
    "is killed": (broker) => broker.kill(),
    "shuts down": (broker) => broker.stop(),
    hangs: (broker) => broker.pause(),
  };
  for (const [name, lose] of Object.entries(losses))
    it(`the coordinator ${name} during the delivery of ${RECORDS} records: none is lost, none is delivered twice`, async () => {
      const topic = await createTopic(cluster.bootstrap, { partitions: PARTITIONS });
      const messages = numbers(0, RECORDS).map((value, n) => ({ value, partition: n % PARTITIONS }));
      await produceWithKafkajs(cluster.bootstrap, topic, messages, { idempotent: true });
      const group = groupName();
      const times: number[] = [];
      const { taken } = startMember(cluster.bootstrap, group, [topic], "earliest", async () => {
        await delay(15);
        times.push(Date.now());
        return 1;
      });
      await until(() => taken.length > RECORDS / 4, 60_000);
      await lose(await coordinatorOf(group));
      await until(() => taken.length >= RECORDS, 90_000);
      await delay(1000);
      const gap = Math.max(...times.slice(1).map((at, n) => at - (times[n] ?? at)));
      console.log(`      the longest gap: ${gap} ms`);
      const values = taken.map(({ value }) => Number(value)).sort((a, b) => a - b);
      assert.deepEqual(values, numbers(0, RECORDS).map(Number));
      assert.ok(gap < bound(LONGEST_GAP_MS, 60_000));
    });

  it("an unclean election truncates a log: no record that the log still has is delivered twice", async () => {
    const [first, second] = cluster.brokers as [KafkaBroker, KafkaBroker, KafkaBroker];
    const topic = await createUncleanTopic(cluster, [first, second]);
    const produce = (from: number, to: number) =>
      produceWithKafkajs(
        cluster.bootstrap,
        topic,
        numbers(from, to).map((value) => ({ value, partition: 0 })),
      );
    const { taken, log } = startMember(cluster.bootstrap, groupName(), [topic], "earliest");
    await produce(0, 200);
    await until(() => taken.length === 200, 60_000);
    await second.stop();
    await until(
      async () =>
        produce(200, 205).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await until(() => taken.length >= 205, 60_000);
    await first.kill();
    await second.start();
    const leader = `127.0.0.1:${second.port}`;
    await until(async () => (await leaderOf(cluster.bootstrap, topic, 0).catch(() => "")) === leader, 90_000);
    await until(
      async () =>
        produce(300, 310).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await until(() => taken.some(({ value }) => value === "309"), 90_000);
    const values = taken.map(({ value }) => value);
    assert.deepEqual(values, [...numbers(0, 205), ...numbers(300, 310)]);
    const warning = log.lines.find(({ event }) => /truncated/.test(event));
    assert.deepEqual([warning?.fields["from"], warning?.fields["to"]], [205, 200]);
  });

  it("a partition without a leader keeps a new group from reading nothing else, and is read when it has one", async () => {
    const third = cluster.brokers[2] as KafkaBroker;
    const [lost, live] = [`lost-${Date.now()}`, await createTopic(cluster.bootstrap)];
    const replicaAssignment = [{ partition: 0, replicas: [third.id] }];
    await withAdmin(cluster.bootstrap, (admin) =>
      admin.createTopics({ topics: [{ topic: lost, replicaAssignment }], waitForLeaders: true }),
    );
    await produceWithKafkajs(cluster.bootstrap, lost, [{ value: "lost" }]);
    await third.kill();
    const { taken, consumer } = startMember(cluster.bootstrap, groupName(), [lost, live], "earliest");
    await until(
      () =>
        produceWithKafkajs(cluster.bootstrap, live, [{ value: "live" }]).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await until(() => taken.some(({ value }) => value === "live"), 60_000);
    await until(() => consumer.blockedReasons.some(({ message }) => message.includes(`${lost}/0`)), 30_000);
    await third.start();
    await until(() => taken.some(({ value }) => value === "lost"), 60_000);
    await until(() => consumer.blockedReasons.length === 0, 20_000);
  });
});
