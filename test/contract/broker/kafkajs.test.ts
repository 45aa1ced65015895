// kafkajs as a client of the broker: the same on the development broker and on Apache Kafka.

import { strict as assert } from "node:assert";
import type kafkajs from "kafkajs";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import { FindCoordinator } from "../../../src/wire/messages/cluster.ts";
import { Heartbeat, JoinGroup } from "../../../src/wire/messages/group.ts";
import { afterTest } from "../../support/after-test.ts";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { until } from "../../support/until.ts";

describe("conformance: kafkajs", () => {
  const broker = useBroker();

  const produce = (topic: string, values: string[]): Promise<void> =>
    produceWithKafkajs(
      broker.addresses(),
      topic,
      values.map((value) => ({ value })),
    );
  const connectAdmin = async (): Promise<kafkajs.Admin> => {
    const admin = broker.kafkajs().admin();
    await admin.connect();
    afterTest(() => admin.disconnect());
    return admin;
  };

  async function connectProducer(transactionalId: string): Promise<kafkajs.Producer> {
    const producer = broker.kafkajs().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    afterTest(() => producer.disconnect());
    return producer;
  }

  /** A connection to the group's coordinator, once it has loaded the group. */
  async function coordinatorOf(groupId: string): Promise<Connection> {
    const any = await broker.connect();
    for (;;) {
      const { errorCode } = await any.request(FindCoordinator, 2, { key: groupId, keyType: 0 }, 5000);
      const refused = (
        await any.request(
          Heartbeat,
          2,
          { groupId, generationId: 0, memberId: "x", groupInstanceId: null },
          5000,
        )
      ).errorCode;
      if (errorCode === 0 && refused === 25) return any;
    }
  }

  it("produces with and without idempotence, and consumes all records", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const kafka = broker.kafkajs();
    for (const idempotent of [false, true]) {
      const messages = [0, 1, 2, 3].map((n) => ({
        key: `k${n}`,
        value: `${idempotent}-${n}`,
        headers: { h: "x" },
      }));
      await produceWithKafkajs(broker.addresses(), topic, messages, { idempotent });
    }
    const seen = await consume(kafka, topic, `g-${topic}`, 8);
    assert.deepEqual(seen.sort(), [
      "false-0",
      "false-1",
      "false-2",
      "false-3",
      "true-0",
      "true-1",
      "true-2",
      "true-3",
    ]);
  });

  it("continues from the committed offset", async () => {
    const topic = await broker.topic();
    const kafka = broker.kafkajs();
    await produce(topic, ["a", "b"]);
    assert.deepEqual(await consume(kafka, topic, `g-${topic}`, 2), ["a", "b"]);
    await produce(topic, ["c"]);
    assert.deepEqual(await consume(kafka, topic, `g-${topic}`, 1), ["c"]);
  });

  it("assigns partitions to two members, and all of them to one when the other leaves", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const kafka = broker.kafkajs();
    const owned = new Map<string, number>();
    const join = async (name: string): Promise<kafkajs.Consumer> => {
      const consumer = kafka.consumer({
        groupId: `g-${topic}`,
        sessionTimeout: 6000,
        heartbeatInterval: 300,
        maxWaitTimeInMs: 200,
      });
      consumer.on(
        consumer.events.GROUP_JOIN,
        ({ payload }) => void owned.set(name, payload.memberAssignment[topic]?.length ?? 0),
      );
      await consumer.connect();
      afterTest(() => consumer.disconnect());
      await consumer.subscribe({ topic });
      await consumer.run({ eachMessage: async () => {} });
      return consumer;
    };
    const first = await join("first");
    await until(() => owned.get("first") === 4);
    await join("second");
    await until(() => owned.get("first") === 2 && owned.get("second") === 2);
    await first.disconnect();
    await until(() => owned.get("second") === 4);
  });

  it("removes a member whose session expires", async () => {
    const groupId = `g-${await broker.topic()}`;
    const admin = await connectAdmin();
    const members = async (): Promise<number> =>
      (await admin.describeGroups([groupId])).groups[0]?.members.length ?? 0;
    const silent = await coordinatorOf(groupId);
    const protocols = [{ name: "p", metadata: Buffer.alloc(0) }];
    const joined = await silent.request(
      JoinGroup,
      2,
      {
        groupId,
        sessionTimeoutMs: 1500,
        rebalanceTimeoutMs: 1500,
        memberId: "",
        groupInstanceId: null,
        protocolType: "test",
        protocols,
      },
      5000,
    );
    assert.equal(joined.errorCode, 0);
    assert.equal(await members(), 1);
    await until(async () => (await members()) === 0);
  });

  it("lists, describes and deletes groups, and refuses to delete one in use", async () => {
    const topic = await broker.topic();
    const kafka = broker.kafkajs();
    await produce(topic, ["a"]);
    const admin = await connectAdmin();
    const consumer = kafka.consumer({ groupId: `g-${topic}`, maxWaitTimeInMs: 200 });
    await consumer.connect();
    afterTest(() => consumer.disconnect());
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.run({ eachMessage: async () => resolve() }).catch(reject);
    });
    assert.ok((await admin.listGroups()).groups.some(({ groupId }) => groupId === `g-${topic}`));
    await assert.rejects(admin.deleteGroups([`g-${topic}`]));
    await consumer.disconnect();
    await admin.deleteGroups([`g-${topic}`]);
    assert.equal((await admin.describeGroups([`g-${topic}`])).groups[0]?.state, "Dead");
  });

  it("runs transactions: a read_committed consumer gets the committed records only", async () => {
    const topic = await broker.topic();
    const producer = await connectProducer(`x-${topic}`);
    for (const value of ["a", "aborted", "b"]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value, partition: 0 }] });
      await (value === "aborted" ? transaction.abort() : transaction.commit());
    }
    assert.deepEqual(await consume(broker.kafkajs(), topic, `g-${topic}`, 2), ["a", "b"]);
    const all = await consume(broker.kafkajs(), topic, `g-all-${topic}`, 3, { readUncommitted: true });
    assert.deepEqual(all, ["a", "aborted", "b"]);
  });

  it("fences the producer of a transaction when another one takes over its transactional id", async () => {
    const topic = await broker.topic();
    const [fenced, owner] = [await connectProducer(`x-${topic}`), await connectProducer(`x-${topic}`)];
    const late = await fenced.transaction();
    await late.send({ topic, messages: [{ value: "fenced" }] });
    const transaction = await owner.transaction();
    await transaction.send({ topic, messages: [{ value: "kept" }] });
    await assert.rejects(late.commit());
    await transaction.commit();
    assert.deepEqual(await consume(broker.kafkajs(), topic, `g-${topic}`, 1), ["kept"]);
  });

  it("reads and sets a group's offsets through the admin client", async () => {
    const topic = await broker.topic();
    const admin = await connectAdmin();
    await produce(topic, ["a", "b", "c"]);
    await admin.setOffsets({ groupId: `g-${topic}`, topic, partitions: [{ partition: 0, offset: "2" }] });
    const offsets = await admin.fetchOffsets({ groupId: `g-${topic}`, topics: [topic] });
    assert.equal(offsets[0]?.partitions[0]?.offset, "2");
  });
});

async function consume(
  kafka: kafkajs.Kafka,
  topic: string,
  groupId: string,
  count: number,
  options: Partial<kafkajs.ConsumerConfig> = {},
): Promise<string[]> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, ...options });
  await consumer.connect();
  afterTest(() => consumer.disconnect());
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: kafkajs.EachMessagePayload): Promise<void> => {
      seen.push(message.value?.toString() ?? "");
      if (seen.length === count) resolve();
    };
    consumer.run({ eachMessage, autoCommitThreshold: 1 }).catch(reject);
  });
  await consumer.disconnect();
  return seen;
}
