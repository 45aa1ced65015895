// Topic ids, leader epochs in Fetch, and what committed offsets keep: the same on the development broker and on Apache
// Kafka.

import { strict as assert } from "node:assert";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import { NO_ID } from "../../../src/wire/codec.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { DeleteTopics } from "../../../src/wire/messages/admin.ts";
import { Metadata } from "../../../src/wire/messages/cluster.ts";
import { Fetch, NO_DIVERGENCE } from "../../../src/wire/messages/fetch.ts";
import { OffsetCommit, OffsetFetch } from "../../../src/wire/messages/group.ts";
import { readBatches } from "../../../src/wire/record-batch-reader.ts";
import { createTopic, metadataOf, produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { groupName } from "../../support/group-members.ts";
import { fetchRequest } from "../../support/read-back.ts";
import { until } from "../../support/until.ts";

describe("conformance: topic ids", () => {
  const broker = useBroker();
  let connection: Connection;
  before(async () => {
    connection = await broker.connect();
  });

  async function idOf(topic: string): Promise<string> {
    const answer = await connection.request(Metadata, 12, metadataOf([topic]), 5000);
    return answer.topics[0]?.topicId ?? NO_ID;
  }
  async function fetch(topicId: string, offset: number, lastFetchedEpoch = -1) {
    const request = fetchRequest("", 0, offset, { topicId, lastFetchedEpoch });
    const answer = await connection.request(Fetch, 13, request, 10_000);
    const [topic] = answer.topics;
    assert.equal(topic?.topicId, topicId);
    const part = topic?.partitions[0];
    assert.ok(part);
    return part;
  }
  const produce = (topic: string, count: number) =>
    produceWithKafkajs(
      broker.addresses(),
      topic,
      Array.from({ length: count }, (_, n) => ({ value: String(n), partition: 0 })),
    );
  async function remove(topic: string): Promise<void> {
    await connection.request(DeleteTopics, 3, { names: [topic], timeoutMs: 10_000 }, 15_000);
    await until(async () => (await idOf(topic)) === NO_ID);
  }

  it("gives every topic an id, and another one to a topic that is created again", async () => {
    const topic = await broker.topic();
    const first = await idOf(topic);
    assert.match(first, /^[A-Za-z0-9_-]{22}$/);
    assert.notEqual(first, NO_ID);
    assert.equal(await idOf(topic), first);
    await remove(topic);
    await createTopic(broker.addresses(), {}, topic);
    const second = await idOf(topic);
    assert.ok(second !== first && second !== NO_ID);
  });

  it("describes a topic by its id, and answers 100 for an unknown id", async () => {
    const topic = await broker.topic();
    const request = { ...metadataOf([]), topics: [{ topicId: await idOf(topic), name: null }] };
    const [found] = (await connection.request(Metadata, 12, request, 5000)).topics;
    assert.deepEqual([found?.errorCode, found?.name], [0, topic]);
    const unknown = { ...request, topics: [{ topicId: "AAAAAAAAAAAAAAAAAAAAEg", name: null }] };
    const [missing] = (await connection.request(Metadata, 12, unknown, 5000)).topics;
    assert.deepEqual([missing?.errorCode, missing?.name], [KafkaCode.UNKNOWN_TOPIC_ID, null]);
  });

  it("returns records by the id of the topic", async () => {
    const topic = await broker.topic();
    await produce(topic, 3);
    const { errorCode, records, divergingEpoch } = await fetch(await idOf(topic), 0);
    assert.deepEqual([errorCode, divergingEpoch], [0, NO_DIVERGENCE]);
    assert.ok([...readBatches(records ?? Buffer.alloc(0))].length > 0);
  });

  it("answers 100 for the id of a topic that was deleted, or created again", async () => {
    const topic = await broker.topic();
    await produce(topic, 3);
    const id = await idOf(topic);
    await remove(topic);
    await until(async () => (await fetch(id, 1)).errorCode === KafkaCode.UNKNOWN_TOPIC_ID);
    await createTopic(broker.addresses(), {}, topic);
    await produce(topic, 10);
    assert.equal((await fetch(id, 1)).errorCode, KafkaCode.UNKNOWN_TOPIC_ID);
    assert.equal((await fetch(await idOf(topic), 1)).errorCode, 0);
  });

  it("answers where the history ends for an offset after the end, if the last epoch is known", async () => {
    const topic = await broker.topic();
    await produce(topic, 3);
    const id = await idOf(topic);
    const { errorCode, divergingEpoch } = await fetch(id, 50, 0);
    assert.deepEqual([errorCode, { ...divergingEpoch }], [0, { epoch: 0, endOffset: 3 }]);
    assert.equal((await fetch(id, 50)).errorCode, KafkaCode.OFFSET_OUT_OF_RANGE);
    assert.equal((await fetch(id, 2, 7)).errorCode, KafkaCode.OFFSET_OUT_OF_RANGE);
    assert.deepEqual((await fetch(id, 2, 0)).divergingEpoch, NO_DIVERGENCE);
  });

  it("returns the metadata and the epoch of a committed offset as they were committed, and drops them with the topic", async () => {
    const topic = await broker.topic();
    const groupId = groupName();
    const id = await idOf(topic);
    const coordinator = broker.kafkajs().admin();
    await coordinator.connect();
    await coordinator.disconnect();
    const partitions = [{ partition: 0, offset: 0, leaderEpoch: 0, metadata: id }];
    const commit = {
      groupId,
      generationId: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: [{ name: topic, partitions }],
    };
    const committed = async () => {
      const request = { groupId, topics: [{ name: topic, partitions: [0] }] };
      const answer = await connection.request(OffsetFetch, 5, request, 5000);
      return answer.topics[0]?.partitions[0];
    };
    await until(async () => {
      const answer = await connection.request(OffsetCommit, 7, commit, 5000);
      return answer.topics[0]?.partitions[0]?.errorCode === 0;
    });
    const { offset, leaderEpoch, metadata } = (await committed()) ?? {};
    assert.deepEqual([offset, leaderEpoch, metadata], [0, 0, id]);
    await remove(topic);
    await until(async () => (await committed())?.offset === -1);
  });
});
