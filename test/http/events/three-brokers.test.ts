// Streams of events on Apache Kafka with three brokers: leaders move, brokers are killed, an unclean election truncates a log,
// a partition has no leader. Runs only if the suite may start a cluster (`npm run test:kafka`).

import { strict as assert } from "node:assert";
import { afterTest } from "../../support/after-test.ts";
import type { KafkaBroker } from "../../support/apache-kafka/cluster.ts";
import { createUncleanTopic, useThreeBrokers } from "../../support/apache-kafka/use-cluster.ts";
import {
  createTopic,
  describeIf,
  mayStartApacheKafka,
  produceWithKafkajs,
  withAdmin,
} from "../../support/broker.ts";
import { namesOf, openEvents, valuesOf } from "../../support/event-client.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { post } from "../../support/http.ts";
import { leaderOf } from "../../support/read-back.ts";
import { ResumingClient } from "../../support/resuming-client.ts";
import { until } from "../../support/until.ts";

const PARTITIONS = 6;

describeIf(mayStartApacheKafka, "http: events on three brokers", function () {
  this.timeout(240_000);
  const cluster = useThreeBrokers();

  /** Produces with retries, while brokers come and go. */
  const produce = (topic: string, all: readonly string[]): Promise<void> =>
    until(
      () =>
        produceWithKafkajs(
          cluster.bootstrap,
          topic,
          all.map((value) => ({ value, partition: 0 })),
        ).then(
          () => true,
          () => false,
        ),
      60_000,
    );

  for (const [name, lose] of Object.entries<(broker: KafkaBroker) => Promise<void> | void>({
    "shut down, so that leaders move": (broker) => broker.stop(),
    "are killed in the middle of their answers": (broker) => broker.kill(),
  }))
    it(`brokers ${name}: clients that stay and clients that resume get every record once`, async () => {
      const topic = await createTopic(cluster.bootstrap, { partitions: PARTITIONS });
      const gateways = [await startTestGateway(cluster.bootstrap), await startTestGateway(cluster.bootstrap)];
      const urls = (): string[] => gateways.map(({ apiUrl }) => apiUrl);
      const path = `/topics/${topic}/events`;
      const clients = [
        new ResumingClient({ urls, path, from: "latest", cutAfterMs: 600_000 }),
        new ResumingClient({ urls, path, from: "latest", cutAfterMs: 500 }),
        new ResumingClient({ urls, path, from: "earliest", cutAfterMs: 2000 }),
      ];
      const running = clients.map((client) => client.run());
      afterTest(() => clients.forEach((client) => void client.end()));
      await until(() => clients.every(({ starts }) => starts.length > 0));

      const acknowledged = new Map<number, number[]>();
      let producing = true;
      const load = (async () => {
        for (let n = 0; producing; n++) {
          const answer = await post(
            gateways[0] as never,
            `/topics/${topic}?partition=${n % PARTITIONS}`,
            "text/plain",
            `${n}`,
          );
          if (answer.status !== 200) continue;
          const { partition, offset } = answer.body;
          acknowledged.set(partition, [...(acknowledged.get(partition) ?? []), offset]);
        }
      })();
      const count = (): number =>
        [...acknowledged.values()].reduce((sum, offsets) => sum + offsets.length, 0);
      for (const broker of cluster.brokers) {
        const before = count();
        await until(() => count() > before + 200, 60_000);
        await lose(broker);
        await until(() => count() > before + 400, 60_000);
        await broker.start();
      }
      producing = false;
      await load;
      for (const client of clients) client.stop();
      for (const [partition, offsets] of acknowledged) {
        const last = Math.max(...offsets);
        for (const client of clients) {
          const place = `${topic}/${partition}`;
          await until(() => (client.received.get(place)?.at(-1)?.offset ?? -1) >= last, 60_000);
          const received = client.received.get(place)?.map(({ offset }) => offset) ?? [];
          assert.equal(new Set(received).size, received.length, `${place}: records were sent twice`);
          assert.deepEqual(
            received,
            received.toSorted((a, b) => a - b),
          );
          assert.deepEqual(
            offsets.filter((offset) => !received.includes(offset)),
            [],
            `${place}: records are missing`,
          );
        }
      }
      for (const client of clients) {
        assert.deepEqual(client.others, []);
        client.end();
      }
      await Promise.all(running);
    });

  it("an unclean election truncates a log: one reset, for open streams and for positions on another replica", async () => {
    const [first, second] = cluster.brokers as [KafkaBroker, KafkaBroker, KafkaBroker];
    const topic = await createUncleanTopic(cluster, [first, second]);
    const gateways = [await startTestGateway(cluster.bootstrap), await startTestGateway(cluster.bootstrap)];
    const [url, other] = gateways.map(({ apiUrl }) => `${apiUrl}/topics/${topic}/events`) as [string, string];
    await produce(topic, ["0", "1"]);
    const client = await openEvents(`${url}?from=earliest`);
    await client.untilRecords(2);
    await second.stop();
    await produce(topic, ["lost"]);
    await client.untilRecords(3, 60_000);
    const { lastId } = client;
    await first.kill();
    await second.start();
    const leader = `127.0.0.1:${second.port}`;
    await until(async () => (await leaderOf(cluster.bootstrap, topic, 0).catch(() => "")) === leader, 90_000);
    await produce(topic, ["2", "3", "4"]);
    await client.untilRecords(6, 90_000);
    // On another replica, whose reader never saw the lost record.
    const resumed = await openEvents(`${other}?lastEventId=${lastId}`);
    await resumed.untilRecords(3, 60_000);
    assert.deepEqual(valuesOf(client), ["0", "1", "lost", "2", "3", "4"]);
    assert.deepEqual(valuesOf(resumed), ["2", "3", "4"]);
    assert.deepEqual([namesOf(client), namesOf(resumed)], [["reset"], ["reset"]]);
  });

  it("a partition without a leader does not delay the others, and loses nothing", async () => {
    const third = cluster.brokers[2] as KafkaBroker;
    const topic = `half-${Date.now()}`;
    const replicaAssignment = [
      { partition: 0, replicas: [(cluster.brokers[0] as KafkaBroker).id] },
      { partition: 1, replicas: [third.id] },
    ];
    await withAdmin(cluster.bootstrap, (admin) =>
      admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: true }),
    );
    const gateways = [await startTestGateway(cluster.bootstrap), await startTestGateway(cluster.bootstrap)];
    const [url, other] = gateways.map(({ apiUrl }) => `${apiUrl}/topics/${topic}/events`) as [string, string];
    const early = await openEvents(url);
    await early.untilEvent("position");
    await post(gateways[0] as never, `/topics/${topic}?partition=1`, "text/plain", "before");
    await early.untilRecords(1);
    await third.kill();
    const [late, resumed] = [
      await openEvents(other),
      await openEvents(`${other}?lastEventId=${early.lastId}`),
    ];
    await until(
      async () =>
        (await post(gateways[0] as never, `/topics/${topic}?partition=0`, "text/plain", "live")).status ===
        200,
      60_000,
    );
    for (const client of [early, late, resumed]) await until(() => valuesOf(client).includes("live"), 30_000);
    await third.start();
    await until(
      async () =>
        (await post(gateways[0] as never, `/topics/${topic}?partition=1`, "text/plain", "after")).status ===
        200,
      60_000,
    );
    for (const client of [early, late, resumed])
      await until(() => valuesOf(client).includes("after"), 60_000);
    assert.deepEqual(valuesOf(early), ["before", "live", "after"]);
    for (const client of [late, resumed]) assert.deepEqual(valuesOf(client), ["live", "after"]);
    for (const client of [early, late, resumed]) assert.deepEqual(namesOf(client), []);
  });
});
