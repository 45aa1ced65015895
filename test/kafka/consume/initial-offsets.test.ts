// The offsets at which a group without committed offsets begins.

import { strict as assert } from "node:assert";
import { createTopic, withAdmin } from "../../support/broker.ts";
import { groupName, numbers, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

describe("kafka: initial offsets", function () {
  this.timeout(60_000);
  const { broker, member, produce } = useGroupMembers();

  it("latest: starts at the end, and keeps that position even if nothing is read", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const group = groupName();
    await produce(topic, numbers(0, 30));
    const first = member(group, [topic], "latest");
    await until(() => first.consumer.positions.length === 3);
    await first.stop();
    await produce(topic, numbers(30, 36));
    const second = member(group, [topic], "latest");
    await until(() => second.taken.length >= 6);
    assert.deepEqual(second.taken.map(({ value }) => value).sort(), numbers(30, 36));
  });

  it("latest: reads a partition or topic that is added later from its start", async () => {
    const topic = await broker.topic();
    const later = `later-${groupName()}`;
    await produce(topic, ["old"], 0);
    const { taken, consumer } = member(groupName(), [topic, later], "latest");
    await until(() => consumer.positions.length === 1);
    await withAdmin(broker.addresses(), (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }),
    );
    await createTopic(broker.addresses(), {}, later);
    await produce(later, ["first"], 0);
    await until(() =>
      produce(topic, ["early"], 1).then(
        () => true,
        () => false,
      ),
    );
    await until(() => taken.length === 2, 20_000);
    assert.deepEqual(taken.map(({ value }) => value).sort(), ["early", "first"]);
  });

  it("reads the other topics while one does not exist, and that topic after it is created", async () => {
    const topic = await broker.topic();
    const later = `later-${groupName()}`;
    await produce(topic, ["a"], 0);
    const { taken } = member(groupName(), [topic, later], "earliest");
    await until(() => taken.length === 1);
    await createTopic(broker.addresses(), {}, later);
    await produce(later, ["b"], 0);
    await until(() => taken.length === 2);
  });
});
