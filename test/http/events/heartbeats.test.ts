// The heartbeats of streams of events, and clients that resume from them.

import { strict as assert } from "node:assert";
import { decodePosition } from "../../../src/live/position.ts";
import { afterTest } from "../../support/after-test.ts";
import { openConnection, produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { type EventClient, openEvents } from "../../support/event-client.ts";
import { useGateway } from "../../support/gateway.ts";
import { metric } from "../../support/http.ts";
import { leaderOf } from "../../support/read-back.ts";
import { RawTransactions } from "../../support/transactions.ts";
import { until } from "../../support/until.ts";

const HEARTBEAT_MS = 200;

const heartbeats = ({ events }: EventClient) => events.filter(({ name }) => name === "position").slice(1);
const offsetOf = (id: string, partition = 0): number => decodePosition(id)[0]?.offset(partition) ?? -1;

describe("http: heartbeats of streams of events", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { events: { heartbeat: `${HEARTBEAT_MS}ms` } } }),
  );
  const open = (topic: string, query = "", onEvent = (_: { name: string | undefined }) => {}) =>
    openEvents(`${gateway().apiUrl}/topics/${topic}/events${query}`, { onEvent });
  const produce = (topic: string, values: readonly string[], partition = 0) =>
    produceWithKafkajs(
      broker.addresses(),
      topic,
      values.map((value) => ({ partition, key: "k", value })),
    );

  for (const query of [
    "?filter=$%20%3E%20100",
    "?key=none",
    "?filter=$%20%3E%20100&key=k",
    "?partition=0&key=none",
  ])
    it(`advance although nothing matches ${query}, and a client that resumes misses nothing`, async () => {
      const topic = await broker.topic({ partitions: 1 });
      const first = await open(topic, query);
      await first.untilEvent("position");
      await produce(topic, ["0", "1", "2"]);
      await until(() => heartbeats(first).some(({ id }) => offsetOf(id) === 3));
      assert.equal(first.records.length, 0);
      const { lastId } = first;
      first.cut();
      await produce(topic, ["101", "102"]);
      const only = query.includes("partition") ? "&partition=0" : "";
      const second = await open(topic, `?lastEventId=${lastId}${only}`);
      await second.untilRecords(2);
      assert.deepEqual(
        second.records.map(({ value }) => value),
        [101, 102],
      );
    });

  it("advance past aborted transactions and the markers of committed ones", async () => {
    const topic = await broker.topic();
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    afterTest(() => connection.close());
    const producer = new RawTransactions(connection);
    const own = await producer.init();
    const client = await open(topic);
    await client.untilEvent("position");
    await producer.run(own, topic, 0, "1", true);
    await producer.run(own, topic, 1, "2", false);
    await client.untilRecords(1);
    await until(() => heartbeats(client).some(({ id }) => offsetOf(id) === 4));
    assert.equal(client.records.length, 1);
  });

  it("advance to the end of a log that ends with records that no client gets", async () => {
    const topic = await broker.topic();
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    afterTest(() => connection.close());
    const producer = new RawTransactions(connection);
    const own = await producer.init();
    await producer.run(own, topic, 0, "1", true);
    await producer.run(own, topic, 1, "2", false);
    const client = await open(topic, "?from=earliest");
    await client.untilRecords(1);
    await until(() => heartbeats(client).some(({ id }) => offsetOf(id) === 4));
    assert.equal(await metric(gateway(), "onramp_events_behind_seconds"), 0);
  });

  it("never go back, and lie between the records around them", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const client = await open(topic, "?from=earliest");
    await client.untilEvent("position");
    for (let n = 0; heartbeats(client).length < 4; n++) {
      await produce(topic, [String(n)], n % 2);
      await client.untilRecords(n + 1);
    }
    const seen = [0, 0];
    for (const { id, name, data } of client.events) {
      if (name === undefined) seen[JSON.parse(data).partition] = JSON.parse(data).offset + 1;
      assert.deepEqual([offsetOf(id, 0), offsetOf(id, 1)], seen);
    }
  });

  it("come as often as http.events.heartbeat says", async () => {
    const client = await open(await broker.topic());
    await until(() => heartbeats(client).length >= 2);
    const [before, began] = [heartbeats(client).length, performance.now()];
    await until(() => heartbeats(client).length >= before + 5);
    const took = performance.now() - began;
    assert.ok(took > 3.5 * HEARTBEAT_MS && took < 12 * HEARTBEAT_MS, String(took));
  });
});
