// Filters of streams of events: which records pass, which are skipped, and how many filters there may be.

import { strict as assert } from "node:assert";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { type EventClient, openEvents } from "../../support/event-client.ts";
import { useGateway } from "../../support/gateway.ts";
import { metric, send } from "../../support/http.ts";
import { until } from "../../support/until.ts";

const MAX_FILTERED = 256 * 1024;

describe("http: filters of streams of events", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());
  const pathOf = (topic: string, query: Record<string, string>): string =>
    `/topics/${topic}/events?${new URLSearchParams({ from: "earliest", ...query })}`;
  const open = (topic: string, query: Record<string, string>): Promise<EventClient> =>
    openEvents(gateway().apiUrl + pathOf(topic, query));
  const filters = () => metric(gateway(), "onramp_events_filters");
  const filled = async (values: readonly (string | null)[]): Promise<string> => {
    const topic = await broker.topic();
    await produceWithKafkajs(
      broker.addresses(),
      topic,
      values.map((value, n) => ({ key: `k${n}`, value, headers: { n: String(n) } })),
    );
    return topic;
  };

  it("pass the records for which they are true, and no others", async () => {
    const values = [
      '{"a":1}',
      '{"a":2.5}',
      "text",
      null,
      "12345678901234567890",
      "[1]",
      '{"b":true}',
      '"end"',
    ];
    const cases: readonly [filter: string, offsets: number[]][] = [
      ["a > 1", [1]],
      ["$ = 'none' ? true : a", []],
      ["b", [6]],
      ["$ = 'text'", [2]],
      ["$string($) = '12345678901234567890'", [4]],
      ["$key = 'k3' or $offset = 0", [0, 3]],
      ["$headers.n = '5'", [5]],
      ["$partition = 0 and $timestamp > 0 and $topic != 'x'", [0, 1, 2, 3, 4, 5, 6]],
    ];
    const topic = await filled(values);
    for (const [filter, offsets] of cases) {
      const client = await open(topic, { filter: `$ = 'end' ? true : (${filter})` });
      await client.untilRecords(1);
      const seen = () => client.events.filter(({ name }) => name !== "position");
      await until(() => seen().some(({ data }) => data.includes('"value":"end"')));
      assert.deepEqual(
        seen().map(({ name, data }) => [name, JSON.parse(data).offset]),
        [...offsets, 7].map((offset) => [values[offset] === null ? "tombstone" : undefined, offset]),
        filter,
      );
      client.cut();
    }
  });

  it("give no result on a value over 256 KB, or when they fail: the client gets `skipped`", async () => {
    const padded = (bytes: number): string => `"${"a".repeat(bytes - 2)}"`;
    const deep = "[".repeat(65) + "]".repeat(65);
    const topic = await filled([
      '{"a":1}',
      padded(MAX_FILTERED),
      padded(MAX_FILTERED + 1),
      deep,
      '{"a":"x"}',
      '{"a":2}',
    ]);
    for (const format of ["record", "value", "cloudevents"]) {
      const client = await open(topic, { filter: "a + 1 > 1", format });
      const got = () => client.events.filter(({ name }) => name !== "position");
      await until(() => got().length >= 5);
      assert.deepEqual(
        got().map(({ name }) => name),
        [undefined, "skipped", "skipped", "skipped", undefined],
      );
      const skipped = got().filter(({ name }) => name === "skipped");
      const reasons = [
        /has 262145 bytes; .* up to 262144/,
        /nested more than 64 levels/,
        /left side|number/i,
      ];
      for (const [n, reason] of reasons.entries()) {
        const data = JSON.parse(skipped[n]?.data ?? "");
        assert.deepEqual([data.topic, data.partition, data.offset], [topic, 0, n + 2]);
        assert.match(data.reason, reason);
        assert.deepEqual(Object.keys(data), ["topic", "partition", "offset", "reason"]);
      }
      client.cut();
    }
  });

  it("are 100 at most: the next one waits if it has a position, and is refused if it has none", async () => {
    const topic = await filled(["0", "1"]);
    await until(async () => (await filters()) === 0);
    const first = await open(topic, { filter: "$ = 1" });
    await first.untilRecords(1);
    const { lastId } = first;
    first.cut();
    await until(async () => (await filters()) === 0);
    const others = await Promise.all(
      Array.from({ length: 100 }, (_, n) => open(topic, { filter: `$ = ${n}`, from: "latest" })),
    );
    assert.equal(await filters(), 100);
    const refused = await send(gateway(), pathOf(topic, { filter: "$ = 100" }));
    assert.deepEqual([refused.status, refused.body.error_code], [503, 50301]);
    assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
    assert.match(refused.body.detail, /100 different filters already/);
    // A filter that another client uses is not another one.
    const same = await open(topic, { filter: "$ = 5" });
    await same.untilEvent("position");
    const waiting = await open(topic, { filter: "$ < 100", lastEventId: lastId });
    await waiting.untilEvent("position");
    assert.ok(waiting.retryMs !== undefined);
    assert.deepEqual([waiting.lastId, waiting.records.length], [lastId, 0]);
    others[0]?.cut();
    await produceWithKafkajs(broker.addresses(), topic, [{ value: "2" }]);
    await waiting.untilRecords(1);
    assert.deepEqual(
      waiting.records.map(({ offset }) => offset),
      [2],
    );
    for (const client of [...others, same, waiting]) client.cut();
    await until(async () => (await filters()) === 0);
  });
});
