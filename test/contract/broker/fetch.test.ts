// A broker's responses to consumers: the same on the development broker and on Apache Kafka.

import { strict as assert } from "node:assert";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { Fetch } from "../../../src/wire/messages/fetch.ts";
import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from "../../../src/wire/messages/offsets.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { encodeBatch, type WireRecord } from "../../../src/wire/record-batch.ts";
import { readBatches } from "../../../src/wire/record-batch-reader.ts";
import { listOffsetsOf, produceOf, useBroker } from "../../support/broker.ts";
import { fetchRequest, readPartition } from "../../support/read-back.ts";
import { wireRecord } from "../../support/records.ts";

const LATEST = -1;
const EARLIEST = -2;

describe("conformance: fetch and offsets", () => {
  const broker = useBroker();
  let connection: Connection;
  before(async () => {
    connection = await broker.connect();
  });

  async function produce(topic: string, records: readonly Partial<WireRecord>[]): Promise<number> {
    const full = records.map((record) => wireRecord("v", record));
    const answer = await connection.request(Produce, 8, produceOf(topic, encodeBatch(full)), 10_000);
    return answer.topics[0]?.partitions[0]?.baseOffset ?? -1;
  }
  async function fetch(
    topic: string,
    offset: number,
    extra: Parameters<typeof fetchRequest>[3] = {},
    on = connection,
  ) {
    const answer = await on.request(Fetch, 11, fetchRequest(topic, 0, offset, extra), 10_000);
    const part = answer.topics[0]?.partitions[0];
    assert.ok(part);
    return { ...part, batches: [...readBatches(part.records ?? Buffer.alloc(0))] };
  }
  async function offset(topic: string, timestamp: number) {
    const answer = await connection.request(ListOffsets, 5, listOffsetsOf(topic, timestamp), 5000);
    return answer.topics[0]?.partitions[0];
  }

  for (const version of [4, 7, 10, 11, 12]) {
    it(`returns the produced records in Fetch v${version}`, async () => {
      const topic = await broker.topic();
      await produce(topic, [{ value: Buffer.from("hello") }]);
      const answer = await connection.request(Fetch, version, fetchRequest(topic, 0, 0), 5000);
      const part = answer.topics[0]?.partitions[0];
      assert.equal(part?.errorCode, 0);
      assert.equal(part?.highWatermark, 1);
      assert.equal([...readBatches(part?.records ?? Buffer.alloc(0))].length, 1);
    });
  }

  it("returns the whole batch that contains the requested offset", async () => {
    const topic = await broker.topic();
    await produce(topic, [{}, {}, {}]);
    const { batches } = await fetch(topic, 1);
    assert.deepEqual([batches[0]?.baseOffset, batches[0]?.count], [0, 3]);
  });

  it("returns no records at the end of the log, at once when maxWaitMs is 0", async () => {
    const topic = await broker.topic();
    await produce(topic, [{}]);
    const { errorCode, batches, highWatermark } = await fetch(topic, 1);
    assert.deepEqual([errorCode, batches.length, highWatermark], [0, 0, 1]);
  });

  it("waits for a record and answers as soon as it is appended", async () => {
    const topic = await broker.topic();
    const reader = await broker.connect();
    const waiting = fetch(topic, 0, { maxWaitMs: 8000, minBytes: 1 }, reader);
    await produce(topic, [{ value: Buffer.from("late") }]);
    assert.equal((await waiting).batches.length, 1);
  });

  it("answers without records after maxWaitMs", async () => {
    const topic = await broker.topic();
    const { errorCode, batches } = await fetch(topic, 0, { maxWaitMs: 100, minBytes: 1 });
    assert.deepEqual([errorCode, batches.length], [0, 0]);
  });

  it("returns at least one batch, however small the limit is", async () => {
    const topic = await broker.topic();
    await produce(topic, [{ value: Buffer.alloc(5000) }]);
    await produce(topic, [{ value: Buffer.alloc(5000) }]);
    assert.equal((await fetch(topic, 0, { maxBytes: 100 })).batches.length, 1);
  });

  it("answers OFFSET_OUT_OF_RANGE without watermarks for an offset after the end", async () => {
    const topic = await broker.topic();
    await produce(topic, [{}]);
    const { errorCode, highWatermark, logStartOffset } = await fetch(topic, 50);
    assert.deepEqual([errorCode, highWatermark, logStartOffset], [KafkaCode.OFFSET_OUT_OF_RANGE, -1, -1]);
  });

  it("answers 3 for an unknown topic", async () => {
    assert.equal((await fetch("surely-not-there", 0)).errorCode, 3);
  });

  it("lists the earliest and the latest offset", async () => {
    const topic = await broker.topic();
    await produce(topic, [{}, {}]);
    assert.deepEqual(
      [(await offset(topic, EARLIEST))?.offset, (await offset(topic, LATEST))?.offset],
      [0, 2],
    );
  });

  it("finds the first offset at or after a time", async () => {
    const topic = await broker.topic();
    await produce(topic, [{ timestamp: 1000 }, { timestamp: 3000 }]);
    await produce(topic, [{ timestamp: 5000 }]);
    const found = await Promise.all([0, 1000, 1001, 3001].map((timestamp) => offset(topic, timestamp)));
    assert.deepEqual(
      found.map((each) => [each?.offset, each?.timestamp]),
      [
        [0, 1000],
        [0, 1000],
        [1, 3000],
        [2, 5000],
      ],
    );
  });

  it("finds no offset for a time after the last record", async () => {
    const topic = await broker.topic();
    await produce(topic, [{ timestamp: 1000 }]);
    const found = await offset(topic, 2000);
    assert.deepEqual([found?.offset, found?.timestamp], [-1, -1]);
  });

  it("deletes the records before an offset, at which the log then starts", async () => {
    const topic = await broker.topic();
    await produce(topic, [{ value: Buffer.from("a") }]);
    await produce(topic, [{ value: Buffer.from("b") }]);
    const body = { topics: [{ name: topic, partitions: [{ partition: 0, offset: 1 }] }], timeoutMs: 5000 };
    const answer = (await connection.request(DeleteRecords, 1, body, 10_000)).topics[0]?.partitions[0];
    assert.deepEqual([answer?.errorCode, answer?.lowWatermark], [0, 1]);
    assert.equal((await offset(topic, EARLIEST))?.offset, 1);
    assert.equal((await fetch(topic, 0)).errorCode, KafkaCode.OFFSET_OUT_OF_RANGE);
    assert.deepEqual(
      (await readPartition(broker.addresses(), topic, 0, 1)).map(({ value }) => value?.toString()),
      ["b"],
    );
  });

  it("refuses to delete records up to an offset after the end", async () => {
    const topic = await broker.topic();
    const body = { topics: [{ name: topic, partitions: [{ partition: 0, offset: 9 }] }], timeoutMs: 5000 };
    assert.equal(
      (await connection.request(DeleteRecords, 1, body, 10_000)).topics[0]?.partitions[0]?.errorCode,
      KafkaCode.OFFSET_OUT_OF_RANGE,
    );
  });

  it("returns the end of a leader epoch", async () => {
    const topic = await broker.topic();
    await produce(topic, [{}, {}]);
    const body = {
      replicaId: -1,
      topics: [{ name: topic, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }],
    };
    const answer = (await connection.request(OffsetForLeaderEpoch, 3, body, 5000)).topics[0]?.partitions[0];
    assert.deepEqual([answer?.errorCode, answer?.leaderEpoch, answer?.endOffset], [0, 0, 2]);
  });
});
