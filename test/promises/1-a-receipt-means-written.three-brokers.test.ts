// Apache Kafka with three brokers, replication factor 3, min.insync.replicas 2: brokers die, hang and restart
// under load. Runs only if the suite may start a cluster (`npm run test:kafka`).

import { strict as assert } from "node:assert";
import http from "node:http";
import { afterTest } from "../support/after-test.ts";
import { useThreeBrokers } from "../support/apache-kafka/use-cluster.ts";
import { createTopic, describeIf, mayStartApacheKafka, withAdmin } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { longest, type Posted, percentile99, post as postOne, startLoad, verify } from "../support/load.ts";
import { bound, soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const CLIENTS = soak ? 1000 : 200;
const PARTITIONS = 6;
const SEQUENCE = soak ? 10_000 : 1000;

describeIf(mayStartApacheKafka, "promise 1: three brokers", function () {
  this.timeout(240_000);
  const cluster = useThreeBrokers();

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
    await verify(cluster.bootstrap, topic, PARTITIONS, posted);
    assert.ok(longest(posted) < bound(8000), "every post was answered by its deadline");
    console.log(
      `      ${posted.length} posts, ${posted.filter(({ status }) => status === 200).length} acknowledged, ${posted.filter(({ status }) => status === 503).length} × 503, ${posted.filter(({ status }) => status === 504).length} × 504`,
    );
  }

  it("answers 503 by the deadline for a topic whose only replica is on a dead broker, and delays no live topic", async () => {
    const dead = cluster.brokers[1];
    const lost = `lost-${Date.now()}`;
    const replicaAssignment = [{ partition: 0, replicas: [dead?.id ?? 0] }];
    await withAdmin(cluster.bootstrap, (admin) =>
      admin.createTopics({ topics: [{ topic: lost, replicaAssignment }] }),
    );
    const live = await createTopic(cluster.bootstrap, { partitions: PARTITIONS });
    const gateway = await startTestGateway(cluster.bootstrap);
    assert.equal((await post(gateway, `/topics/${lost}`, undefined, "x")).status, 200);
    await dead?.kill();
    // Until the controller notices, the live topic's partitions wait for the dead replica as well.
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
    assert.ok(slowest < bound(2500), `a live topic waited for ${slowest.toFixed(0)} ms`);
  });

  it(`${CLIENTS} clients post while a broker is killed and comes back: no acknowledged record is lost or written twice`, () =>
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

  it("when one broker hangs, it delays only its partitions, until the in-sync set shrinks", async () => {
    const [first, second, hung] = cluster.brokers.map(({ id }) => id) as [number, number, number];
    const [isolated, whole] = [`isolated-${Date.now()}`, `whole-${Date.now()}`];
    const assign = (topic: string, replicas: number[]) => ({
      topic,
      replicaAssignment: [{ partition: 0, replicas }],
    });
    const topics = [assign(isolated, [first, second]), assign(whole, [first, second, hung])];
    await withAdmin(cluster.bootstrap, (admin) => admin.createTopics({ topics }));
    const gateway = await startTestGateway(cluster.bootstrap);
    const loads = [isolated, whole].map((topic) =>
      startLoad(gateway.apiUrl, `/topics/${topic}`, soak ? 32 : 8, { pauseMs: 20 }),
    );
    const [onIsolated, onWhole] = loads.map(({ posted }) => posted) as [Posted[], Posted[]];
    await until(() => onIsolated.length > 500 && onWhole.length > 500, 60_000);
    const before = percentile99(onIsolated.slice(-400));
    const [isolatedAt, wholeAt] = [onIsolated.length, onWhole.length];
    cluster.brokers[2]?.pause();
    // Lanes are isolated after one request time-out (1.5 s) and its round trip.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const settledAt = onIsolated.length;
    const goneOn = (): boolean => onWhole.slice(wholeAt).filter(({ status }) => status === 200).length > 500;
    await until(goneOn, 20_000);
    const during = onIsolated.slice(settledAt);
    cluster.brokers[2]?.resume();
    for (const load of loads) await load.stop();
    assert.ok(onIsolated.slice(isolatedAt).every(({ status }) => status === 200));
    const after = percentile99(during);
    console.log(
      `      p99 of ${during.length} posts beside the hung broker: ${before.toFixed(1)} ms before, ${after.toFixed(1)} ms while it hangs`,
    );
    assert.ok(after < before + bound(100), "their p99 does not change");
    await verify(cluster.bootstrap, isolated, 1, onIsolated);
    await verify(cluster.bootstrap, whole, 1, onWhole);
  });

  it(`${SEQUENCE} posts of one key, one after the other, while a broker restarts, are in order, none is lost, none is written twice`, async () => {
    const topic = await createTopic(cluster.bootstrap, { partitions: PARTITIONS });
    const gateway = await startTestGateway(cluster.bootstrap);
    const agent = new http.Agent({ keepAlive: true });
    afterTest(() => agent.destroy());
    const posted: Posted[] = [];
    const restarted = (async () => {
      await until(() => posted.length > SEQUENCE / 10, 60_000);
      await cluster.brokers[1]?.stop();
      await cluster.brokers[1]?.start();
      return true;
    })();
    let done = false;
    void restarted.then(() => (done = true));
    for (let n = 0; posted.length < SEQUENCE || !done; ) {
      const result = await postOne(agent, gateway.apiUrl, `/topics/${topic}?key=k`, `one:${n}`);
      posted.push(result);
      // 503 means not written: it is sent again. 504 means unknown: a retry could write it twice.
      if (result.status !== 503) n++;
    }
    await restarted;
    const acknowledged = posted.filter(({ status }) => status === 200);
    console.log(
      `      ${posted.length} posts, ${acknowledged.length} acknowledged, the longest took ${longest(posted).toFixed(0)} ms`,
    );
    await verify(
      cluster.bootstrap,
      topic,
      PARTITIONS,
      posted.filter(({ status }) => status !== 503),
    );
  });

  it(`${CLIENTS} clients post while a broker hangs`, () =>
    underLoad(async () => {
      const broker = cluster.brokers[0];
      broker?.pause();
      await new Promise((resolve) => setTimeout(resolve, soak ? 20_000 : 4000));
      broker?.resume();
    }));
});
