// Bounded reading without a group: the range, and what is reported when it cannot be read.

import { strict as assert } from "node:assert";
import type { OffsetRange } from "../../../src/kafka/consume/read-range.ts";
import { RangeUnreadable, readRange } from "../../../src/kafka/consume/read-range.ts";
import { itOnDevBroker } from "../../support/broker.ts";
import { groupName, numbers, startClient, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

const never = new AbortController().signal;

describe("kafka: ranges", function () {
  this.timeout(60_000);
  const { broker, produce } = useGroupMembers();

  async function read(ranges: readonly OffsetRange[], signal = never): Promise<string[]> {
    const values: string[] = [];
    await readRange(
      startClient(broker.addresses()),
      ranges,
      async (records) => {
        values.push(...records.map(({ value }) => `${value}`));
        return records.length;
      },
      signal,
    );
    return values;
  }

  it("reads the records of a range, and no others", async () => {
    const topic = await broker.topic();
    for (let n = 0; n < 10; n++) await produce(topic, [String(n)], 0);
    assert.deepEqual(await read([{ topic, partition: 0, from: 3, to: 7 }]), numbers(3, 7));
    assert.deepEqual(await read([{ topic, partition: 0, from: 4, to: 4 }]), []);
  });

  it("reads a range that begins and ends in the middle of a batch", async () => {
    const topic = await broker.topic();
    await produce(topic, numbers(0, 10), 0);
    assert.deepEqual(await read([{ topic, partition: 0, from: 3, to: 7 }]), numbers(3, 7));
  });

  it("reads past control records and aborted transactions to the end", async () => {
    const topic = await broker.topic();
    const producer = broker.kafkajs().producer({ transactionalId: groupName(), idempotent: true });
    await producer.connect();
    for (const value of ["a", "gone", "b"]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value, partition: 0 }] });
      await (value === "gone" ? transaction.abort() : transaction.commit());
    }
    await producer.disconnect();
    assert.deepEqual(await read([{ topic, partition: 0, from: 0, to: 6 }]), ["a", "b"]);
  });

  it("reports a range whose first offset is out of range", async () => {
    const topic = await broker.topic();
    await produce(topic, numbers(0, 5), 0);
    await assert.rejects(read([{ topic, partition: 0, from: 50, to: 60 }]), RangeUnreadable);
  });

  it("reports a range that ends after the end of the partition, and a topic that does not exist", async () => {
    const topic = await broker.topic();
    await produce(topic, numbers(0, 5), 0);
    const [tooLong, missing] = await Promise.allSettled([
      read([{ topic, partition: 0, from: 0, to: 60 }]),
      read([{ topic: groupName(), partition: 0, from: 0, to: 5 }]),
    ]);
    assert.match(String((tooLong as PromiseRejectedResult).reason), /ends at offset 5, before the end 60/);
    assert.match(String((missing as PromiseRejectedResult).reason), /3 UNKNOWN_TOPIC_OR_PARTITION/);
  });

  itOnDevBroker(
    "reports a partition without a leader after ten seconds, and a missing ACL at once",
    async () => {
      const [lost, denied] = [await broker.topic(), await broker.topic()];
      await produce(lost, ["a"], 0);
      await produce(denied, ["a"], 0);
      broker.dev().faults.leaderless = (topic) => topic === lost;
      broker.dev().faults.fetch = (topic) => (topic === denied ? { errorCode: 29 } : undefined);
      const began = Date.now();
      await assert.rejects(read([{ topic: denied, partition: 0, from: 0, to: 1 }]), /ACL "Read" on topic/);
      assert.ok(Date.now() - began < 5000);
      await assert.rejects(read([{ topic: lost, partition: 0, from: 0, to: 1 }]), /has no leader/);
    },
  );

  itOnDevBroker("waits for a leader that comes back in time", async () => {
    const topic = await broker.topic();
    await produce(topic, ["a"], 0);
    broker.dev().faults.leaderless = () => true;
    const reading = read([{ topic, partition: 0, from: 0, to: 1 }]);
    setTimeout(() => broker.dev().faults.clear(), 1000);
    assert.deepEqual(await reading, ["a"]);
  });

  it("ends with the reason of the signal, and closes its connections", async () => {
    const topic = await broker.topic();
    const stopping = new AbortController();
    const client = startClient(broker.addresses());
    const range = { topic, partition: 0, from: 0, to: 5 };
    const reading = readRange(client, [range], async () => 1, stopping.signal);
    setTimeout(() => stopping.abort(new Error("enough")), 300);
    await assert.rejects(reading, /enough/);
    await until(() => client.cluster.connections <= 2);
  });
});
