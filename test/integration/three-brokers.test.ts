// Apache Kafka with three brokers, replication factor 3, min.insync.replicas 2: brokers die, hang and restart
// under load. Runs where the suite may start a cluster of its own (`npm run test:kafka`).

import { strict as assert } from "node:assert";
import { type Cluster, startCluster } from "../support/apache-kafka/cluster.ts";
import { createTopic, quietKafka } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { longest, startLoad, verify } from "../support/load.ts";
import { until } from "../support/until.ts";

const soak = process.env["ONRAMP_SOAK"] === "1";
const CLIENTS = soak ? 1000 : 200;
const PARTITIONS = 6;

(process.env["ONRAMP_TEST_APACHE"] === "1" ? describe : describe.skip)("three brokers", function () {
  this.timeout(240_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await startCluster({ brokers: 3 });
  });
  after(async () => {
    await cluster.stop();
  });

  async function underLoad(what: (acknowledged: () => number) => Promise<void>): Promise<void> {
    const topic = await createTopic(cluster.bootstrap, { partitions: PARTITIONS });
    const gateway = await startTestGateway(cluster.bootstrap);
    const load = startLoad(gateway.apiUrl, `/topics/${topic}`, CLIENTS);
    const acknowledged = (): number => load.posted.filter(({ status }) => status === 200).length;
    await until(() => acknowledged() > CLIENTS * 5, 60_000);
    await what(acknowledged);
    const then = acknowledged();
    await until(() => acknowledged() > then + CLIENTS * 5, 60_000);
    const posted = await load.stop();
    await gateway.stop();
    await verify(cluster.bootstrap, topic, PARTITIONS, posted);
    assert.ok(longest(posted) < 8000, "every post was answered by its deadline");
    console.log(
      `      ${posted.length} posts, ${posted.filter(({ status }) => status === 200).length} acknowledged, ${posted.filter(({ status }) => status === 503).length} × 503, ${posted.filter(({ status }) => status === 504).length} × 504`,
    );
  }

  it("a topic whose only replica is on a dead broker: 503 by the deadline, and live topics are not delayed", async () => {
    const dead = cluster.brokers[1];
    const admin = quietKafka(cluster.bootstrap).admin();
    await admin.connect();
    const lost = `lost-${Date.now()}`;
    await admin.createTopics({
      topics: [{ topic: lost, replicaAssignment: [{ partition: 0, replicas: [dead?.id ?? 0] }] }],
    });
    await admin.disconnect();
    const live = await createTopic(cluster.bootstrap, { partitions: PARTITIONS });
    const gateway = await startTestGateway(cluster.bootstrap);
    assert.equal((await post(gateway, `/topics/${lost}`, undefined, "x")).status, 200);
    await dead?.kill();
    // Until the controller has noticed, the live topic's partitions wait for the dead replica as well.
    await until(
      async () => (await post(gateway, `/topics/${live}?key=a`, undefined, "x")).status === 200,
      30_000,
    );
    const refused = post(gateway, `/topics/${lost}`, undefined, "x");
    let slowest = 0;
    for (let n = 0; n < 100; n++) {
      const began = performance.now();
      assert.equal((await post(gateway, `/topics/${live}?key=a`, undefined, "x")).status, 200);
      slowest = Math.max(slowest, performance.now() - began);
    }
    const { status, body } = await refused;
    assert.deepEqual([status, body.error_code], [503, 50301]);
    assert.ok(slowest < 2500, `a live topic waited for ${slowest.toFixed(0)} ms`);
    await gateway.stop();
    await dead?.start();
  });

  it(`${CLIENTS} clients post while a broker is killed and comes back: no acknowledged record lost or doubled`, () =>
    underLoad(async () => {
      const broker = cluster.brokers[1];
      await broker?.kill();
      await broker?.start();
    }));

  it(`${CLIENTS} clients post while a broker shuts down and comes back`, () =>
    underLoad(async () => {
      const broker = cluster.brokers[2];
      await broker?.stop();
      await broker?.start();
    }));

  it(`${CLIENTS} clients post while a broker hangs`, () =>
    underLoad(async () => {
      const broker = cluster.brokers[0];
      broker?.pause();
      await new Promise((resolve) => setTimeout(resolve, soak ? 20_000 : 4000));
      broker?.resume();
    }));
});
