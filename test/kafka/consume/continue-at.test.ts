// Lost positions: recreated topics, truncated logs, deleted records. A group skips no record, and delivers none again
// that the log still has.

import { strict as assert } from "node:assert";
import { DeleteTopics } from "../../../src/wire/messages/admin.ts";
import { OffsetCommit } from "../../../src/wire/messages/group.ts";
import {
  createTopic,
  describeOnDevBroker,
  itOnDevBroker,
  produceWithKafkajs,
  startDevBroker,
  withAdmin,
} from "../../support/broker.ts";
import { brokerVersions } from "../../support/broker-versions.ts";
import { groupName, numbers, startMember, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

const valuesOf = (taken: readonly { value: string }[]): string[] => taken.map(({ value }) => value);

describe("kafka: lost positions", function () {
  this.timeout(60_000);
  const { broker, member, produce } = useGroupMembers();

  async function recreate(topic: string, partitions = 1): Promise<void> {
    const connection = await broker.connect();
    await connection.request(DeleteTopics, 3, { names: [topic], timeoutMs: 10_000 }, 15_000);
    await until(async () => {
      const names = await withAdmin(broker.addresses(), (admin) => admin.listTopics());
      return !names.includes(topic);
    });
    await createTopic(broker.addresses(), { partitions }, topic);
  }

  for (const from of ["earliest", "latest"] as const)
    it(`a running group (${from}) reads all records of a topic that was recreated with more records than its position, and logs that`, async () => {
      const topic = await broker.topic();
      const { taken, log, consumer } = member(groupName(), [topic], from);
      await until(() => consumer.positions.length === 1);
      await produce(topic, numbers(0, 5), 0);
      await until(() => taken.length === 5);
      await recreate(topic);
      await produce(topic, numbers(100, 120), 0);
      await until(() => taken.length >= 25, 30_000);
      assert.deepEqual(valuesOf(taken), [...numbers(0, 5), ...numbers(100, 120)]);
      assert.ok(log.lines.some(({ level, event }) => level === "warn" && /recreated/.test(event)));
    });

  it("a running group reads all records of a topic that was recreated with another number of partitions", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const { taken, consumer } = member(groupName(), [topic], "latest");
    await until(() => consumer.positions.length === 3);
    await produce(topic, numbers(0, 9));
    await until(() => taken.length === 9);
    await recreate(topic);
    await produce(topic, numbers(100, 120), 0);
    await until(() => taken.length >= 29, 30_000);
    assert.deepEqual(valuesOf(taken).slice(9), numbers(100, 120));
  });

  it("a stopped group reads all records of a topic that was recreated with more records than its position", async () => {
    const topic = await broker.topic();
    const group = groupName();
    const first = member(group, [topic], "earliest");
    await produce(topic, numbers(0, 5), 0);
    await until(() => first.taken.length === 5);
    await first.stop();
    await recreate(topic);
    await produce(topic, numbers(100, 120), 0);
    const second = member(group, [topic], "earliest");
    await until(() => second.taken.length >= 20);
    assert.deepEqual(valuesOf(second.taken), numbers(100, 120));
  });

  it("a stopped group recognizes an offset that was committed for an earlier topic of the same name", async () => {
    const topic = await broker.topic();
    const group = groupName();
    const first = member(group, [topic], "earliest");
    await produce(topic, numbers(0, 5), 0);
    await until(() => first.taken.length === 5);
    await first.stop();
    // What a reader that has not noticed the deletion does: it commits the offset of the old topic.
    const [old] = await withAdmin(broker.addresses(), (admin) =>
      admin.fetchOffsets({ groupId: group, topics: [topic] }),
    );
    await recreate(topic);
    await produce(topic, numbers(100, 120), 0);
    assert.equal(old?.partitions[0]?.offset, "5");
    await commitWithMetadata(group, topic, 5, old.partitions[0]?.metadata ?? "");
    const second = member(group, [topic], "latest");
    await until(() => second.taken.length >= 20);
    assert.deepEqual(valuesOf(second.taken), numbers(100, 120));
    assert.ok(second.log.lines.some(({ event }) => /recreated/.test(event)));
  });

  async function commitWithMetadata(group: string, topic: string, offset: number, metadata: string) {
    const connection = await broker.connect();
    const partitions = [{ partition: 0, offset, leaderEpoch: 0, metadata }];
    const request = {
      groupId: group,
      generationId: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: [{ name: topic, partitions }],
    };
    await until(async () => {
      const answer = await connection.request(OffsetCommit, 7, request, 5000);
      return answer.topics[0]?.partitions[0]?.errorCode === 0;
    });
  }

  itOnDevBroker("a running group continues where the log diverges after a truncation", async () => {
    const topic = await broker.topic();
    const { taken, log } = member(groupName(), [topic], "earliest");
    for (let n = 0; n < 20; n++) await produce(topic, [String(n)], 0);
    await until(() => taken.length === 20);
    broker.dev().truncate(topic, 0, 15);
    for (let n = 100; n < 110; n++) await produce(topic, [String(n)], 0);
    await until(() => taken.length >= 30);
    assert.deepEqual(valuesOf(taken), [...numbers(0, 20), ...numbers(100, 110)]);
    const warning = log.lines.find(({ event }) => /truncated/.test(event));
    assert.deepEqual([warning?.fields["from"], warning?.fields["to"]], [20, 15]);
  });

  itOnDevBroker(
    "a stopped group continues where the log diverges, even if the log has grown again",
    async () => {
      const topic = await broker.topic();
      const group = groupName();
      const first = member(group, [topic], "earliest");
      for (let n = 0; n < 20; n++) await produce(topic, [String(n)], 0);
      await until(() => first.taken.length === 20);
      await first.stop();
      broker.dev().truncate(topic, 0, 15);
      for (let n = 100; n < 130; n++) await produce(topic, [String(n)], 0);
      const second = member(group, [topic], "earliest");
      await until(() => second.taken.length >= 30);
      assert.deepEqual(valuesOf(second.taken), numbers(100, 130));
    },
  );
});

describeOnDevBroker("kafka: lost positions on older brokers", function () {
  this.timeout(60_000);
  const brokers = {
    "without topic ids (Kafka 2.7)": "Apache Kafka 2.7",
    "without epochs in Fetch (Kafka 2.3)": "Apache Kafka 2.3",
  } as const;
  for (const [name, broker] of Object.entries(brokers)) {
    it(`${name}: continues where the log diverges, and reads all of a shorter recreated topic`, async () => {
      const old = await startDevBroker({ versions: brokerVersions(broker) });
      old.createTopic("t");
      const { taken, log } = startMember([old.address], groupName(), ["t"], "earliest");
      for (let n = 0; n < 20; n++)
        await produceWithKafkajs([old.address], "t", [{ value: String(n), partition: 0 }]);
      await until(() => taken.length === 20);
      old.truncate("t", 0, 15);
      for (let n = 100; n < 120; n++)
        await produceWithKafkajs([old.address], "t", [{ value: String(n), partition: 0 }]);
      await until(() => taken.length >= 40);
      assert.deepEqual(valuesOf(taken), [...numbers(0, 20), ...numbers(100, 120)]);
      assert.equal(log.lines.filter(({ event }) => /no topic ids/.test(event)).length, 1);
      await withAdmin([old.address], (admin) => admin.deleteTopics({ topics: ["t"] }));
      old.createTopic("t");
      for (let n = 200; n < 203; n++)
        await produceWithKafkajs([old.address], "t", [{ value: String(n), partition: 0 }]);
      await until(() => taken.length >= 43);
      assert.deepEqual(valuesOf(taken).slice(40), numbers(200, 203));
    });
  }
});
