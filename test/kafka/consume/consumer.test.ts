// A consumer in a group: order, restarts and positions, on both brokers.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { groupName, numbers, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

describe("kafka: consumer", function () {
  this.timeout(60_000);
  const { broker, member, produce } = useGroupMembers();

  it("reads every partition in order from the first record, and continues after a restart", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const group = groupName();
    await produce(topic, numbers(0, 300));
    const first = member(group, [topic], "earliest");
    await until(() => first.taken.length >= 300);
    await first.stop();
    assert.equal(first.taken.length, 300);
    for (const partition of [0, 1, 2]) {
      const offsets = first.taken
        .filter(({ place }) => place.startsWith(`${partition}/`))
        .map(({ place }) => Number(place.split("/")[1]));
      assert.deepEqual(offsets, numbers(0, 100).map(Number));
    }
    await produce(topic, numbers(300, 310));
    const second = member(group, [topic], "earliest");
    await until(() => second.taken.length >= 10);
    assert.deepEqual(second.taken.map(({ value }) => value).sort(), numbers(300, 310));
  });

  it("delivers a record again if the handler has not handled it", async () => {
    const topic = await broker.topic();
    const group = groupName();
    await produce(topic, ["a", "b", "c"], 0);
    const first = member(group, [topic], "earliest", async ([record], signal) => {
      if (record?.value?.toString() !== "b") return 1;
      await delay(60_000, undefined, { signal });
      return 1;
    });
    await until(() => first.taken.length === 1);
    await first.stop();
    const second = member(group, [topic], "earliest");
    await until(() => second.taken.length >= 2);
    assert.deepEqual(
      second.taken.map(({ value }) => value),
      ["b", "c"],
    );
  });

  it("shows its position and its lag", async () => {
    const topic = await broker.topic();
    await produce(topic, ["a", "b", "c"], 0);
    const held = new AbortController();
    const { consumer } = member(groupName(), [topic], "earliest", async (_, signal) => {
      await delay(60_000, undefined, { signal: AbortSignal.any([signal, held.signal]) }).catch(() => {});
      return 1;
    });
    await until(() => consumer.positions[0]?.lag === 3);
    held.abort();
    await until(() => consumer.positions[0]?.lag === 0);
    assert.equal(consumer.positions[0]?.position, 3);
  });
});
