// The offsets at which a group without committed offsets begins.

import { strict as assert } from "node:assert";
import { BlockedReasons } from "../../../src/kafka/consume/blocked-reasons.ts";
import type { GroupMember } from "../../../src/kafka/consume/group-member.ts";
import { StartPositions } from "../../../src/kafka/consume/start-positions.ts";
import { createTopic, itOnDevBroker, withAdmin } from "../../support/broker.ts";
import { keepingLog } from "../../support/gateway.ts";
import { groupName, numbers, startClient, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

describe("kafka: start positions", function () {
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

  itOnDevBroker(
    "latest: delivers what was written since the start to a partition that had no leader then, after a restart as well",
    async () => {
      const topic = await broker.topic({ partitions: 3 });
      const group = groupName();
      await produce(topic, ["old", "old", "old"]);
      broker.dev().faults.leaderless = (_, partition) => partition === 2;
      const first = member(group, [topic], "latest");
      await until(() => first.consumer.positions.length === 2);
      await until(() => first.consumer.blockedReasons.length > 0);
      await first.stop();
      broker.dev().faults.clear();
      await produce(topic, ["new"], 2);
      const second = member(group, [topic], "latest");
      await until(() => second.taken.length > 0);
      await until(() => second.consumer.positions.length === 3);
      assert.deepEqual(
        [...first.taken, ...second.taken].map(({ value }) => value),
        ["new"],
      );
    },
  );

  itOnDevBroker(
    "latest: reads an added partition whole that had no leader when it was first seen",
    async () => {
      const topic = await broker.topic({ partitions: 2 });
      const { taken, consumer } = member(groupName(), [topic], "latest");
      await until(() => consumer.positions.length === 2);
      await withAdmin(broker.addresses(), (admin) =>
        admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
      );
      await until(() =>
        produce(topic, ["a", "b"], 2).then(
          () => true,
          () => false,
        ),
      );
      broker.dev().faults.leaderless = (_, partition) => partition === 2;
      await until(() => consumer.blockedReasons.length > 0, 20_000);
      broker.dev().faults.clear();
      await until(() => taken.length >= 2);
      assert.deepEqual(
        taken.map(({ value }) => value),
        ["a", "b"],
      );
    },
  );

  it("does not replace a committed offset that cannot be read", async () => {
    const topic = await broker.topic();
    const commits: unknown[] = [];
    const [known, unknown] = [
      { topic, partition: 0 },
      { topic, partition: 1 },
    ];
    const member = {
      committed: async () =>
        new Map([
          [known, { position: undefined, startAt: undefined, errorCode: 0 }],
          [unknown, { position: undefined, startAt: undefined, errorCode: 29 }],
        ]),
      async commit(positions: ReadonlyMap<unknown, unknown>) {
        commits.push(...positions.keys());
        return new Map();
      },
    } as unknown as GroupMember;
    const reasons = new BlockedReasons(keepingLog(), {});
    const options = { from: "latest", isNewTopic: () => false } as const;
    const start = new StartPositions(startClient(broker.addresses()), options, reasons);
    assert.equal(await start.commit(member, [known, unknown]), false);
    assert.deepEqual(commits, [known]);
    await until(() => reasons.messages.has(`${topic}/1`));
  });
});
