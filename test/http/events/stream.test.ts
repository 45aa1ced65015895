// Streams of events from the first event to the last one: limits, ends, and metrics.

import { strict as assert } from "node:assert";
import { decodePosition } from "../../../src/live/position.ts";
import { ListOffsets } from "../../../src/wire/messages/offsets.ts";
import { itOnDevBroker, produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { type EventClient, openEvents, requestEvents } from "../../support/event-client.ts";
import { startTestGateway, useGateway } from "../../support/gateway.ts";
import { metric, send } from "../../support/http.ts";
import { until } from "../../support/until.ts";

const offsetOf = (id: string): number => decodePosition(id)[0]?.offset(0) ?? -1;

/** The reconnection time that comes with a goodbye, in milliseconds. */
const retryOf = ({ text }: EventClient): number =>
  Number(/retry: (\d+)\nid: [\w-]+\nevent: goodbye/.exec(text)?.[1]);

describe("http: streams of events of too many clients", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { events: { clients: 1 } } }),
  );

  it("are refused without a position, end at once with one, and open again when another client has left", async () => {
    const topic = await broker.topic();
    await produceWithKafkajs(broker.addresses(), topic, [{ value: "0" }]);
    const path = `/topics/${topic}/events?from=earliest`;
    const url = gateway().apiUrl + path;
    const first = await openEvents(url);
    await first.untilRecords(1);
    const { lastId } = first;

    const refused = await send(gateway(), path);
    assert.deepEqual([refused.status, refused.body.error_code], [503, 50301]);
    assert.equal(refused.headers.get("retry-after"), "5");
    assert.match(refused.body.detail, /serves 1 streams already \(http\.events\.clients\)/);

    const second = await openEvents(`${url}&lastEventId=${lastId}`);
    await second.ended;
    assert.match(
      second.text,
      new RegExp(`^retry: [2-5]\\d{3}\nid: ${lastId}\nevent: position\ndata: {}\n\n`),
    );
    assert.deepEqual(
      second.events.map(({ name, id }) => [name, id]),
      [
        ["position", lastId],
        ["goodbye", lastId],
      ],
    );
    const { reason, message } = JSON.parse(second.events[1]?.data ?? "");
    assert.deepEqual([reason, message], ["refused", refused.body.detail]);

    const { response } = await requestEvents(url, {
      "last-event-id": lastId,
      accept: "application/x-ndjson",
    });
    const lines = (await response.toArray())
      .join("")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(Object.keys(lines[0]), ["retry"]);
    assert.deepEqual(lines[1], { id: lastId, event: "position", data: {} });
    assert.deepEqual([lines[2].event, lines[2].data.reason, lines.length], ["goodbye", "refused", 3]);

    // What is wrong with a request is said in any condition.
    assert.equal((await send(gateway(), `${path}&lastEventId=x`)).status, 400);
    assert.equal(await metric(gateway(), "onramp_events_clients"), 1);
    first.cut();
    await until(async () => (await metric(gateway(), "onramp_events_clients")) === 0);
    const third = await openEvents(`${url}&lastEventId=${lastId}`);
    await third.untilEvent("position");
    await produceWithKafkajs(broker.addresses(), topic, [{ value: "1" }]);
    await third.untilRecords(1);
    assert.deepEqual(await metric(gateway(), "onramp_events_ended_total", { reason: "refused" }), 2);
  });
});

describe("http: streams of events and their metrics", () => {
  const broker = useBroker();

  it("count clients, events, bytes, topics, filters, and the reasons of ends", async () => {
    const gateway = await startTestGateway(broker.addresses());
    const topics = [await broker.topic(), await broker.topic()] as [string, string];
    const produce = (topic: string, values: string[]) =>
      produceWithKafkajs(
        broker.addresses(),
        topic,
        values.map((value) => ({ key: "k", value })),
      );
    await produce(topics[0], ["1", "2", "3"]);
    const open = (topic: string, query: string) =>
      openEvents(`${gateway.apiUrl}/topics/${topic}/events${query}`);
    const value = (name: string, labels?: Record<string, string>) =>
      metric(gateway, `onramp_events_${name}`, labels);
    const first = await open(topics[0], "?from=earliest");
    await first.untilRecords(3);
    const second = await open(topics.join(","), "?filter=$%20%3E%201&key=k");
    await second.untilEvent("position");
    assert.deepEqual(
      await Promise.all(
        ["clients", "topics", "filters", "catching_up", "blocked_partitions"].map((name) => value(name)),
      ),
      [2, 2, 1, 0, 0],
    );
    assert.deepEqual([await value("sent_total"), await value("ring_misses_total")], [3, 1]);
    assert.equal(await value("ring_hits_total"), 0);
    assert.equal(await value("ring_bytes"), 0);
    await produce(topics[0], ["1", "2"]);
    await produce(topics[1], ["3"]);
    await first.untilRecords(5);
    await second.untilRecords(2);
    assert.equal(await value("sent_total"), 3 + 2 + 2);
    assert.equal(await value("sent_bytes_total"), Buffer.byteLength(first.text + second.text));
    assert.equal(await value("ring_hits_total"), 3);
    const ring = (await value("ring_bytes")) ?? 0;
    assert.ok(ring > 1000 && ring < 10_000, String(ring));
    assert.equal(await value("behind_seconds"), 0);
    assert.equal(await value("ended_total", { reason: "closed" }), undefined);
    // A stream that has ended is not written to any more, although others have the same topic.
    const twin = await open(topics[0], "");
    await twin.untilEvent("position");
    twin.cut();
    await until(async () => (await value("clients")) === 2);
    await produce(topics[0], ["4"]);
    await Promise.all([first.untilRecords(6), second.untilRecords(3)]);
    assert.deepEqual([await value("ring_hits_total"), await value("sent_total")], [3 + 2, 7 + 2]);
    first.cut();
    second.cut();
    await until(async () => (await value("clients")) === 0);
    assert.deepEqual([await value("ended_total", { reason: "closed" }), await value("filters")], [3, 0]);
  });
});

describe("http: streams of events at a stop", () => {
  const broker = useBroker();
  const start = () => startTestGateway(broker.addresses());

  it("end with a goodbye, whose id resumes on another replica without loss", async () => {
    const topic = await broker.topic();
    const [one, two] = [await start(), await start()];
    const path = `/topics/${topic}/events`;
    await produceWithKafkajs(broker.addresses(), topic, [{ value: "0" }]);
    const clients = await Promise.all(
      ["?from=earliest", "?from=earliest&key=none", "?from=earliest&filter=false"].map((query) =>
        openEvents(one.apiUrl + path + query),
      ),
    );
    await clients[0]?.untilRecords(1);
    await Promise.all(clients.map((client) => client.untilEvent("position")));
    await one.stop();
    await produceWithKafkajs(broker.addresses(), topic, [{ value: "1" }]);
    for (const client of clients) {
      await client.ended;
      const last = client.events.at(-1);
      assert.equal(last?.name, "goodbye");
      assert.equal(JSON.parse(last?.data ?? "").reason, "stopping");
      assert.ok(retryOf(client) >= 2000 && retryOf(client) <= 5000, client.text);
      assert.ok(client.response.complete);
      const resumed = await openEvents(`${two.apiUrl}${path}?lastEventId=${client.lastId}`);
      await resumed.untilRecords(offsetOf(client.lastId) === 0 ? 2 : 1);
      assert.deepEqual(
        resumed.records.map(({ value }) => value),
        offsetOf(client.lastId) === 0 ? [0, 1] : [1],
      );
    }
  });

  itOnDevBroker("also end if they open while the process stops", async () => {
    const topic = await broker.topic();
    const gateway = await start();
    const url = `${gateway.apiUrl}/topics/${topic}/events`;
    const first = await openEvents(url);
    await first.untilEvent("position");
    const queries = ["?from=earliest", "?from=-1", `?from=earliest&partition=0&format=value`];
    let asked = 0;
    broker.dev().faults.response = (apiKey) => {
      if (apiKey !== ListOffsets.key) return undefined;
      asked++;
      return { kind: "delay", ms: 300 };
    };
    const answers = queries.map(async (query) => {
      const { response } = await requestEvents(url + query);
      return [response.statusCode, (await response.toArray()).join("")] as const;
    });
    await until(() => asked > 0);
    const began = performance.now();
    await gateway.stop();
    assert.ok(performance.now() - began < 3000);
    for (const [status, body] of await Promise.all(answers))
      assert.ok(
        status === 503 || (status === 200 && body.includes('{"reason":"stopping"')),
        `${status} ${body}`,
      );
  });
});
