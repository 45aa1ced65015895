// Where streams of events begin, and which records they get.

import { strict as assert } from "node:assert";
import { afterTest } from "../../support/after-test.ts";
import { openConnection, produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { type EventClient, type EventRecord, openEvents } from "../../support/event-client.ts";
import { useGateway } from "../../support/gateway.ts";
import { leaderOf } from "../../support/read-back.ts";
import { RawTransactions } from "../../support/transactions.ts";

const partitionsOf = (records: readonly EventRecord[]): Record<number, unknown[]> => {
  const found: Record<number, unknown[]> = {};
  for (const { partition, value } of records) {
    const values = found[partition] ?? [];
    found[partition] = [...values, value];
  }
  return found;
};

describe("http: where streams of events begin", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());
  const open = (topics: string, query: string): Promise<EventClient> =>
    openEvents(`${gateway().apiUrl}/topics/${topics}/events${query}`);
  const produce = (topic: string, messages: Parameters<typeof produceWithKafkajs>[2]) =>
    produceWithKafkajs(broker.addresses(), topic, messages);

  /** Produces a last record to each partition, and returns what came before it. */
  async function untilMarked(
    client: EventClient,
    topic: string,
    partitions: number[],
  ): Promise<EventRecord[]> {
    await produce(
      topic,
      partitions.map((partition) => ({ partition, key: "marker", value: '"marker"' })),
    );
    const marked = () => client.records.filter(({ value }) => value === "marker").length;
    for (let count = 1; marked() < partitions.length; count++) await client.untilRecords(count);
    return client.records.filter(({ value }) => value !== "marker");
  }

  /** A topic of three partitions with the numbers 0 to 9, 0 to 2, and none. */
  async function filled(): Promise<string> {
    const topic = await broker.topic({ partitions: 3 });
    await produce(
      topic,
      Array.from({ length: 13 }, (_, n) => ({
        ...{ partition: n < 10 ? 0 : 1, value: String(n % 10) },
        ...{ key: `k${n % 2}`, timestamp: String(1_700_000_000_000 + n * 1000) },
      })),
    );
    return topic;
  }

  const starts: readonly [query: string, first: number[], second: number[]][] = [
    ["", [], []],
    ["?from=latest", [], []],
    ["?from=earliest", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2]],
    ["?from=-1", [9], [2]],
    ["?from=-4", [6, 7, 8, 9], [0, 1, 2]],
    ["?from=-10000", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2]],
    ["?from=2023-11-14T22:13:28Z", [8, 9], [0, 1, 2]],
    ["?from=2023-11-14T23:13:27.001%2B01:00", [8, 9], [0, 1, 2]],
    ["?from=2023-11-14T23:13:27.001+01:00", [8, 9], [0, 1, 2]],
    ["?from=2023-11-14t22:13:32z", [], [2]],
    ["?from=1970-01-01T00:00:00Z", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2]],
    ["?from=earliest&key=k1", [1, 3, 5, 7, 9], [1]],
    ["?from=-4&key=k1", [7, 9], [1]],
    ["?from=earliest&filter=%24%20%3E%207%20or%20%24offset%20%3D%201", [1, 8, 9], [1]],
    ["?from=earliest&filter=%24%20%3E%207&key=k1", [9], []],
    ["?from=earliest&key=K1", [], []],
    ["?from=earliest&key=", [], []],
  ];
  for (const [query, first, second] of starts)
    it(`${query || "no parameter"}: the records ${JSON.stringify([first, second])}, then live`, async () => {
      const topic = await filled();
      const client = await open(topic, query);
      await client.untilEvent("position");
      const key = new URLSearchParams(query).get("key");
      if (query.includes("filter") || key !== null) {
        // The marker passes neither; a record that does comes after all others.
        const value = query.includes("filter") ? "8" : '"last"';
        await produce(
          topic,
          [0, 1].map((partition) => ({ partition, key: key ?? "k", value })),
        );
        const last = JSON.parse(value);
        await client.untilRecords(first.length + second.length + 2);
        const got = partitionsOf(client.records);
        assert.deepEqual(
          [got[0], got[1]],
          [
            [...first, last],
            [...second, last],
          ],
        );
        return;
      }
      const got = partitionsOf(await untilMarked(client, topic, [0, 1, 2]));
      assert.deepEqual([got[0] ?? [], got[1] ?? [], got[2]], [first, second, undefined]);
    });

  it("a time after the last record means the end: no record is repeated", async () => {
    const topic = await filled();
    const client = await open(topic, "?from=2100-01-01T00:00:00Z");
    await client.untilEvent("position");
    assert.deepEqual(await untilMarked(client, topic, [0, 1, 2]), []);
  });

  it("?partition= is this partition alone, from each start", async () => {
    for (const [from, expected] of [
      ["earliest", [0, 1, 2]],
      ["-2", [1, 2]],
      ["2023-11-14T22:13:32Z", [2]],
      ["latest", []],
    ] as const) {
      const topic = await filled();
      const client = await open(topic, `?partition=1&from=${from}`);
      await client.untilEvent("position");
      await produce(topic, [{ partition: 0, value: "0" }]);
      assert.deepEqual(partitionsOf(await untilMarked(client, topic, [1]))[1] ?? [], expected);
      assert.ok(client.records.every(({ partition }) => partition === 1));
      client.cut();
    }
  });

  it("-N counts the records of committed transactions, and not what lies between them", async () => {
    const topic = await broker.topic();
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    afterTest(() => connection.close());
    const producer = new RawTransactions(connection);
    const own = await producer.init();
    // Each transaction ends with a marker; most of the last ones are aborted.
    const isCommitted = (n: number): boolean => n < 20 || n % 10 === 0;
    for (let n = 0; n < 60; n++) await producer.run(own, topic, n, String(n), isCommitted(n));
    const committed = Array.from({ length: 60 }, (_, n) => n).filter(isCommitted);
    for (const count of [1, 3, 10, 24, 25]) {
      const client = await open(topic, `?from=-${count}`);
      await client.untilRecords(Math.min(count, committed.length));
      const open60 = client.records.map(({ value }) => value);
      assert.deepEqual(open60, committed.slice(-count), String(count));
      await client.untilEvent("position");
      client.cut();
    }
    const resumed = await open(topic, "?from=-2");
    await resumed.untilRecords(2);
    await producer.run(own, topic, 60, "60", false);
    await producer.run(own, topic, 61, "61", true);
    await resumed.untilRecords(3);
    assert.deepEqual(
      resumed.records.map(({ value }) => value),
      [40, 50, 61],
    );
  });

  it("a key with special characters is compared byte for byte, on every partition", async () => {
    const keys = ["a b", "a+b", "a&b=c", "é😀", "%41", "a\r\nb", '"', "\0", "a/b?c#d"];
    const topic = await broker.topic({ partitions: 2 });
    const messages = keys.flatMap((key) =>
      [0, 1].map((partition) => ({ partition, key, value: JSON.stringify(key) })),
    );
    await produce(topic, [...messages, { partition: 0, key: null, value: "0" }]);
    for (const key of keys) {
      const query = new URLSearchParams({ from: "earliest", key });
      const client = await open(topic, `?${query}`);
      await client.untilRecords(2);
      assert.deepEqual(
        client.records.map((record) => [record.key, record.value]),
        [key, key].map((each) => [each, each]),
      );
      assert.deepEqual(client.records.map(({ partition }) => partition).sort(), [0, 1]);
      client.cut();
    }
  });

  it("several topics on one connection: one position for all of them", async () => {
    const topics = [await filled(), await filled(), await broker.topic()] as [string, string, string];
    const first = await open(topics.join(","), "?from=-2");
    await first.untilRecords(8);
    for (const topic of topics.slice(0, 2)) {
      const got = partitionsOf(first.records.filter((record) => record.topic === topic));
      assert.deepEqual(got, { 0: [8, 9], 1: [1, 2] });
    }
    first.cut();
    await produce(topics[2], [{ value: '"new"' }]);
    await produce(topics[0], [{ partition: 2, value: '"new"' }]);
    // In any order of the topics; a topic that the position does not have begins at `latest`.
    const added = await filled();
    const second = await open(
      [added, topics[2], topics[1], topics[0]].join(","),
      `?lastEventId=${first.lastId}`,
    );
    await second.untilRecords(2);
    await produce(added, [{ partition: 0, value: '"live"' }]);
    await second.untilRecords(3);
    const seen = second.records.map(({ topic, value }) => `${topic} ${value}`);
    const expected = [`${topics[0]} new`, `${topics[2]} new`, `${added} live`];
    assert.deepEqual(seen.sort(), expected.sort());
  });

  it("a position of several topics resumes one of them, also one partition of it", async () => {
    const topics = [await filled(), await filled()] as [string, string];
    const first = await open(topics.join(","), "?from=earliest");
    await first.untilRecords(26);
    first.cut();
    await produce(
      topics[1],
      [0, 1].map((partition) => ({ partition, value: '"new"' })),
    );
    for (const [query, partitions] of [
      ["", [0, 1]],
      ["&partition=1", [1]],
    ] as const) {
      const second = await open(topics[1], `?from=${first.lastId}${query}`);
      await second.untilRecords(partitions.length);
      assert.deepEqual(second.records.map(({ partition }) => partition).sort(), partitions);
      assert.ok(second.records.every(({ value }) => value === "new"));
      second.cut();
    }
  });
});
