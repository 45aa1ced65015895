// What happens to topics and logs while streams of events are open: partitions are added, retention removes records, the
// topic is recreated or deleted, the log is truncated, a broker cuts its answers.

import { strict as assert } from "node:assert";
import {
  describeIf,
  itOnDevBroker,
  produceWithKafkajs,
  thorough,
  useBroker,
  withAdmin,
} from "../../support/broker.ts";
import { namesOf, openEvents, requestEvents, valuesOf } from "../../support/event-client.ts";
import { startTestGateway, useGateway } from "../../support/gateway.ts";
import { post } from "../../support/http.ts";
import { until } from "../../support/until.ts";

/** The API key of Fetch. */
const FETCH = 1;

describeIf(thorough, "http: events, while topics change", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { events: { heartbeat: "500ms" } } }),
  );
  const url = (topic: string, query = ""): string => `${gateway().apiUrl}/topics/${topic}/events${query}`;
  const produce = (topic: string, values: readonly string[], partition = 0): Promise<void> =>
    produceWithKafkajs(
      broker.addresses(),
      topic,
      values.map((value) => ({ value, partition })),
    );
  const resume = (topic: string, id: string) => openEvents(url(topic, `?lastEventId=${id}`));

  it("a partition that is added is sent from its first record", async () => {
    const topic = await broker.topic();
    const client = await openEvents(url(topic));
    await client.untilEvent("position");
    const { lastId } = client;
    await withAdmin(broker.addresses(), (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
    );
    await until(async () => {
      await produce(topic, ["added"], 2);
      return true;
    });
    await produce(topic, ["known"], 0);
    await client.untilRecords(2, 20_000);
    assert.deepEqual(valuesOf(client).sort(), ["added", "known"]);
    // A position from before the partition existed.
    const resumed = await resume(topic, lastId);
    await resumed.untilRecords(2);
    assert.deepEqual(valuesOf(resumed).sort(), ["added", "known"]);
    assert.deepEqual([...namesOf(client), ...namesOf(resumed)], []);
  });

  it("records that retention removed are a gap, and the stream continues after them", async () => {
    const topic = await broker.topic({ partitions: 2 });
    await produce(topic, ["a", "b", "c"]);
    const first = await openEvents(url(topic, "?from=earliest"));
    await first.untilRecords(3);
    const afterA = first.events.find(({ name }) => name === undefined)?.id ?? "";
    await withAdmin(broker.addresses(), async (admin) => {
      // Loads the metadata, which deleteTopicRecords of kafkajs does not.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "2" }] });
    });
    // The first gateway still has the records in its ring.
    const other = await startTestGateway(broker.addresses());
    const resumed = await openEvents(`${other.apiUrl}/topics/${topic}/events?lastEventId=${afterA}`);
    assert.deepEqual(await resumed.untilEvent("gap"), { topic, partition: 0, from: 1, to: 2 });
    const afterGap = resumed.events.find(({ name }) => name === "gap")?.id;
    await produce(topic, ["d"]);
    await resumed.untilRecords(2);
    assert.deepEqual([valuesOf(resumed), namesOf(resumed)], [["c", "d"], ["gap"]]);
    for (const from of [`lastEventId=${afterGap}`, "from=earliest"]) {
      const again = await openEvents(`${other.apiUrl}/topics/${topic}/events?${from}`);
      await again.untilRecords(2);
      assert.deepEqual([valuesOf(again), namesOf(again)], [["c", "d"], []]);
    }
  });

  it("a topic that was recreated, and is longer than the position, is reset and sent from its first record", async () => {
    const topic = await broker.topic();
    await produce(topic, ["old 0", "old 1"]);
    const client = await openEvents(url(topic, "?from=earliest"));
    await client.untilRecords(2);
    const { lastId } = client;
    const other = await openEvents(url(topic));
    await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [topic] }));
    await recreate(topic, broker.addresses());
    const recreated = ["new 0", "new 1", "new 2", "new 3", "new 4"];
    await produce(topic, recreated);
    for (const open of [client, other]) await open.untilEvent("reset", 20_000);
    await client.untilRecords(7, 20_000);
    await other.untilRecords(5, 20_000);
    assert.deepEqual(valuesOf(client).slice(2), recreated);
    assert.deepEqual(valuesOf(other), recreated);
    const resumed = await resume(topic, lastId);
    assert.equal((await resumed.untilEvent("reset"))["reason"], "recreated");
    await resumed.untilRecords(5);
    assert.deepEqual(valuesOf(resumed), recreated);
    // A position of the new topic is not reset again.
    const again = await resume(topic, resumed.lastId);
    await produce(topic, ["new 5"]);
    await again.untilRecords(1);
    assert.deepEqual([valuesOf(again), namesOf(again)], [["new 5"], []]);
  });

  it("a topic that is deleted: a goodbye with the reason, then 404", async () => {
    const topic = await broker.topic();
    const client = await openEvents(url(topic));
    await client.untilEvent("position");
    await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [topic] }));
    const goodbye = await client.untilEvent("goodbye", 20_000);
    assert.equal(goodbye["reason"], "deleted");
    assert.match(String(goodbye["message"]), new RegExp(topic));
    await client.ended;
    for (const query of ["", `?lastEventId=${client.lastId}`]) {
      const { response } = await requestEvents(url(topic, query));
      assert.equal(response.statusCode, 404);
      response.destroy();
    }
  });

  itOnDevBroker("a log that lost records is reset once, for open streams and for positions", async () => {
    const topic = await broker.topic();
    for (const value of ["0", "1", "2", "3"]) await produce(topic, [value]);
    const client = await openEvents(url(topic, "?from=earliest"));
    await client.untilRecords(4);
    const { lastId } = client;
    broker.dev().truncate(topic, 0, 2);
    await produce(topic, ["2 again", "3 again", "4"]);
    await client.untilRecords(7, 20_000);
    assert.deepEqual(valuesOf(client), ["0", "1", "2", "3", "2 again", "3 again", "4"]);
    const { reason, from, to } = await client.untilEvent("reset");
    assert.deepEqual([reason, from, to], ["truncated", 4, 2]);
    const resumed = await resume(topic, lastId);
    await resumed.untilRecords(3);
    assert.deepEqual(valuesOf(resumed), ["2 again", "3 again", "4"]);
    assert.deepEqual([namesOf(client), namesOf(resumed)], [["reset"], ["reset"]]);
    // A position before the loss is not reset.
    const before = client.events.filter(({ name }) => name === undefined)[0]?.id ?? "";
    const early = await resume(topic, before);
    await early.untilRecords(4);
    assert.deepEqual([valuesOf(early), namesOf(early)], [["1", "2 again", "3 again", "4"], []]);
  });

  itOnDevBroker(
    "a broker that is cut in the middle of its Fetch answers loses and repeats nothing",
    async () => {
      const topic = await broker.topic({ partitions: 2 });
      let cuts = 0;
      broker.dev().faults.response = (apiKey, frame) =>
        apiKey === FETCH && frame.length > 200 && cuts++ % 2 === 0
          ? { kind: "cut", afterBytes: 1 + ((cuts * 37) % (frame.length - 1)) }
          : undefined;
      const clients = [await openEvents(url(topic)), await openEvents(url(topic, "?from=earliest"))];
      for (const client of clients) await client.untilEvent("position");
      const all = Array.from({ length: 40 }, (_, n) => `${n}`.padEnd(200, "."));
      for (const [n, value] of all.entries()) await produce(topic, [value], n % 2);
      for (const client of clients) {
        await client.untilRecords(all.length, 40_000);
        for (const partition of [0, 1])
          assert.deepEqual(
            client.records.filter((record) => record.partition === partition).map(({ value }) => value),
            all.filter((_, n) => n % 2 === partition),
          );
        assert.deepEqual(namesOf(client), []);
      }
      assert.ok(cuts >= 2);
    },
  );

  itOnDevBroker("a partition without a leader does not delay the others, and loses nothing", async () => {
    const topic = await broker.topic({ partitions: 2 });
    await produce(topic, ["before"], 1);
    const early = await openEvents(url(topic));
    await early.untilEvent("position");
    broker.dev().faults.leaderless = (_, partition) => partition === 1;
    const [late, earliest] = [await openEvents(url(topic)), await openEvents(url(topic, "?from=earliest"))];
    const resumed = await resume(topic, early.lastId);
    // kafkajs produces nothing to a topic with a partition that has no leader.
    const { status } = await post(gateway(), `/topics/${topic}?partition=0`, "text/plain", "live");
    assert.equal(status, 200);
    for (const client of [early, late, earliest, resumed]) await client.untilRecords(1);
    const { lastId } = late;
    broker.dev().faults.leaderless = undefined;
    await produce(topic, ["after"], 1);
    await earliest.untilRecords(3, 20_000);
    for (const client of [early, late, resumed]) await client.untilRecords(2, 20_000);
    for (const client of [early, late, resumed]) assert.deepEqual(valuesOf(client), ["live", "after"]);
    assert.deepEqual(valuesOf(earliest).sort(), ["after", "before", "live"]);
    // A position in which the offset of the partition is not known yet.
    const again = await resume(topic, lastId);
    await again.untilRecords(1);
    assert.deepEqual(valuesOf(again), ["after"]);
    for (const client of [early, late, earliest, resumed, again]) assert.deepEqual(namesOf(client), []);
  });
});

/** Creates a topic again, as soon as the broker has deleted the old one. */
async function recreate(topic: string, brokers: string[]): Promise<void> {
  await until(() =>
    withAdmin(brokers, (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })).then(
      (created) => created,
      () => false,
    ),
  );
}
