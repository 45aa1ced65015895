// A broker's responses to Produce: the same on the development broker and on Apache Kafka.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { InitProducerId } from "../../../src/wire/messages/cluster.ts";
import { Fetch } from "../../../src/wire/messages/fetch.ts";
import { type PartitionAnswer, Produce } from "../../../src/wire/messages/produce.ts";
import { type BatchIdentity, encodeBatch } from "../../../src/wire/record-batch.ts";
import { readBatches, readRecords } from "../../../src/wire/record-batch-reader.ts";
import { produceOf, useBroker } from "../../support/broker.ts";
import { fetchRequest, readPartition } from "../../support/read-back.ts";
import { wireRecord } from "../../support/records.ts";

describe("conformance: produce", () => {
  const broker = useBroker();
  let connection: Connection;
  let topic: string;
  before(async () => {
    connection = await broker.connect();
    topic = await broker.topic();
  });

  async function produce(
    records: Buffer | null,
    { acks = -1, version = 8, to = topic, partition = 0 } = {},
  ): Promise<PartitionAnswer> {
    const answer = await connection.request(
      Produce,
      version,
      produceOf(to, records, { partition, acks }),
      10_000,
    );
    return answer.topics[0]?.partitions[0] as PartitionAnswer;
  }

  async function producerId(): Promise<number> {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    const answer = await connection.request(InitProducerId, 1, body, 10_000);
    assert.equal(answer.errorCode, KafkaCode.NONE);
    return answer.producerId;
  }

  const batch = (identity: BatchIdentity, ...values: string[]): Buffer =>
    encodeBatch(
      values.map((value) => wireRecord(value)),
      identity,
    );

  it("gives consecutive base offsets to consecutive batches", async () => {
    const [first, second] = [
      await produce(encodeBatch([wireRecord("a"), wireRecord("b")])),
      await produce(encodeBatch([wireRecord("c")])),
    ];
    assert.equal(first.errorCode, KafkaCode.NONE);
    assert.equal(second.baseOffset, first.baseOffset + 2);
  });

  it("keeps keys, values, tombstones, headers and timestamps byte for byte", async () => {
    const own = await broker.topic();
    const sent = [
      wireRecord("value", {
        key: Buffer.from([0, 255, 1]),
        headers: [
          { key: "h", value: Buffer.from("x") },
          { key: "h", value: null },
          { key: "é", value: Buffer.alloc(0) },
        ],
        timestamp: 1_600_000_000_123,
      }),
      wireRecord(null, { key: Buffer.from("k"), timestamp: 1_500_000_000_000 }),
      wireRecord("", { key: Buffer.alloc(0) }),
    ];
    await produce(encodeBatch(sent), { to: own });
    const stored = await readPartition(broker.addresses(), own);
    assert.deepEqual(
      stored.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp })),
      sent,
    );
  });

  for (const version of [3, 5, 7, 8]) {
    it(`answers Produce v${version}`, async () => {
      const answer = await produce(encodeBatch([wireRecord("v")]), { version });
      assert.equal(answer.errorCode, KafkaCode.NONE);
      assert.ok(answer.baseOffset >= 0);
    });
  }

  it("accepts acks 1 and -1", async () => {
    assert.equal((await produce(encodeBatch([wireRecord("one")]), { acks: 1 })).errorCode, KafkaCode.NONE);
  });

  it("refuses other acks", async () => {
    assert.equal(
      (await produce(encodeBatch([wireRecord("two")]), { acks: 2 })).errorCode,
      KafkaCode.INVALID_REQUIRED_ACKS,
    );
  });

  it("answers 3 with base offset -1 for an unknown topic", async () => {
    const answer = await produce(encodeBatch([wireRecord("x")]), { to: "no-such-topic-anywhere" });
    assert.deepEqual([answer.errorCode, answer.baseOffset], [KafkaCode.UNKNOWN_TOPIC_OR_PARTITION, -1]);
  });

  it("answers 3 with base offset -1 for an unknown partition", async () => {
    const answer = await produce(encodeBatch([wireRecord("x")]), { partition: 99 });
    assert.deepEqual([answer.errorCode, answer.baseOffset], [KafkaCode.UNKNOWN_TOPIC_OR_PARTITION, -1]);
  });

  it("refuses a batch whose checksum is wrong", async () => {
    const bytes = encodeBatch([wireRecord("checked")]);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 0xff;
    assert.equal((await produce(bytes)).errorCode, KafkaCode.CORRUPT_MESSAGE);
  });

  it("refuses a batch over max.message.bytes and accepts one under it", async () => {
    const small = await broker.topic({ config: { "max.message.bytes": "1000" } });
    assert.equal(
      (await produce(encodeBatch([wireRecord("x".repeat(1000))]), { to: small })).errorCode,
      KafkaCode.MESSAGE_TOO_LARGE,
    );
    assert.equal(
      (await produce(encodeBatch([wireRecord("x".repeat(800))]), { to: small })).errorCode,
      KafkaCode.NONE,
    );
  });

  it("lowers a min.insync.replicas above the replica count to that count (KIP-966)", async () => {
    const strict = await broker.topic({ config: { "min.insync.replicas": "5" } });
    assert.equal((await produce(encodeBatch([wireRecord("x")]), { to: strict })).errorCode, KafkaCode.NONE);
  });

  it("names the record whose timestamp is too far in the future", async () => {
    const answer = await produce(
      encodeBatch([wireRecord("now"), wireRecord("later", { timestamp: Date.now() + 7_200_000 })]),
    );
    assert.equal(answer.errorCode, KafkaCode.INVALID_TIMESTAMP);
    assert.deepEqual(
      answer.recordErrors.map(({ batchIndex }) => batchIndex),
      [1],
    );
  });

  it("names the records without a key on a compacted topic", async () => {
    const compacted = await broker.topic({ config: { "cleanup.policy": "compact" } });
    const answer = await produce(encodeBatch([wireRecord("a", { key: Buffer.from("k") }), wireRecord("b")]), {
      to: compacted,
    });
    assert.equal(answer.errorCode, KafkaCode.INVALID_RECORD);
    assert.deepEqual(
      answer.recordErrors.map(({ batchIndex }) => batchIndex),
      [1],
    );
  });

  it("sets the append time in a topic with LogAppendTime", async () => {
    const stamped = await broker.topic({ config: { "message.timestamp.type": "LogAppendTime" } });
    const before = Date.now();
    const answer = await produce(encodeBatch([wireRecord("x", { timestamp: 1 })]), { to: stamped });
    assert.ok(answer.logAppendTimeMs >= before - 1000);
    const [stored] = await readPartition(broker.addresses(), stamped);
    assert.equal(stored?.timestamp, answer.logAppendTimeMs);
  });

  it("stores a gzip batch unchanged", async () => {
    const own = await broker.topic();
    const bytes = encodeBatch([wireRecord("packed"), wireRecord("twice")], undefined, {
      attribute: 1,
      compress: (records) => gzipSync(records),
    });
    assert.equal((await produce(bytes, { to: own })).errorCode, KafkaCode.NONE);
    assert.deepEqual(
      (await readPartition(broker.addresses(), own)).map(({ value }) => value?.toString()),
      ["packed", "twice"],
    );
  });

  it("stores the maximum of a batch's timestamps in its header", async () => {
    const own = await broker.topic();
    await produce(
      encodeBatch([wireRecord("late", { timestamp: 2_000 }), wireRecord("early", { timestamp: 1_000 })]),
      { to: own },
    );
    const answer = await connection.request(Fetch, 11, fetchRequest(own, 0, 0), 5000);
    const [stored] = readBatches(answer.topics[0]?.partitions[0]?.records ?? Buffer.alloc(0));
    assert.equal(stored?.maxTimestamp, 2_000);
    assert.deepEqual(stored && readRecords(stored).map(({ timestamp }) => timestamp), [2_000, 1_000]);
  });

  it("gives every caller a producer id of its own", async () => {
    assert.notEqual(await producerId(), await producerId());
  });

  it("answers a repeated batch with its first offset and does not append it again", async () => {
    const own = await broker.topic();
    const id = await producerId();
    const bytes = batch({ producerId: id, epoch: 0, sequence: 0 }, "once");
    const [first, again] = [await produce(bytes, { to: own }), await produce(bytes, { to: own })];
    assert.deepEqual([again.errorCode, again.baseOffset], [KafkaCode.NONE, first.baseOffset]);
    assert.equal((await readPartition(broker.addresses(), own)).length, 1);
  });

  it("remembers exactly the last five batches of a producer", async () => {
    const own = await broker.topic();
    const id = await producerId();
    const batches = [0, 1, 2, 3, 4, 5].map((sequence) =>
      batch({ producerId: id, epoch: 0, sequence }, `v${sequence}`),
    );
    for (const bytes of batches) assert.equal((await produce(bytes, { to: own })).errorCode, KafkaCode.NONE);
    const second = await produce(batches[1] as Buffer, { to: own });
    assert.deepEqual([second.errorCode, second.baseOffset], [KafkaCode.NONE, 1]);
    assert.equal(
      (await produce(batches[0] as Buffer, { to: own })).errorCode,
      KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
  });

  it("refuses a gap in the sequence", async () => {
    const own = await broker.topic();
    const id = await producerId();
    assert.equal(
      (await produce(batch({ producerId: id, epoch: 0, sequence: 0 }, "a"), { to: own })).errorCode,
      KafkaCode.NONE,
    );
    const answer = await produce(batch({ producerId: id, epoch: 0, sequence: 5 }, "b"), { to: own });
    assert.deepEqual([answer.errorCode, answer.baseOffset], [KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1]);
  });

  it("accepts an unknown producer at any sequence", async () => {
    const own = await broker.topic();
    assert.equal(
      (await produce(batch({ producerId: await producerId(), epoch: 0, sequence: 7 }, "a"), { to: own }))
        .errorCode,
      KafkaCode.NONE,
    );
  });

  it("accepts a higher epoch at sequence 0, and then refuses the lower one", async () => {
    const own = await broker.topic();
    const id = await producerId();
    const late = batch({ producerId: id, epoch: 0, sequence: 1 }, "late");
    assert.equal(
      (await produce(batch({ producerId: id, epoch: 0, sequence: 0 }, "a"), { to: own })).errorCode,
      KafkaCode.NONE,
    );
    assert.equal(
      (await produce(batch({ producerId: id, epoch: 1, sequence: 0 }, "b"), { to: own })).errorCode,
      KafkaCode.NONE,
    );
    const answer = await produce(late, { to: own });
    assert.deepEqual([answer.errorCode, answer.baseOffset], [KafkaCode.INVALID_PRODUCER_EPOCH, -1]);
  });

  it("refuses a higher epoch at a sequence other than 0", async () => {
    const own = await broker.topic();
    const id = await producerId();
    await produce(batch({ producerId: id, epoch: 0, sequence: 0 }, "a"), { to: own });
    assert.equal(
      (await produce(batch({ producerId: id, epoch: 1, sequence: 3 }, "b"), { to: own })).errorCode,
      KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    );
  });

  it("tracks epochs per partition", async () => {
    const own = await broker.topic({ partitions: 2 });
    const id = await producerId();
    await produce(batch({ producerId: id, epoch: 0, sequence: 0 }, "a"), { to: own });
    assert.equal(
      (await produce(batch({ producerId: id, epoch: 4, sequence: 0 }, "b"), { to: own })).errorCode,
      KafkaCode.NONE,
    );
    assert.equal(
      (await produce(batch({ producerId: id, epoch: 0, sequence: 0 }, "c"), { to: own, partition: 1 }))
        .errorCode,
      KafkaCode.NONE,
    );
  });

  it("answers per partition: a refused partition does not fail another", async () => {
    const own = await broker.topic({ partitions: 2, config: { "max.message.bytes": "500" } });
    const partitions = [
      { partition: 0, records: encodeBatch([wireRecord("small")]) },
      { partition: 1, records: encodeBatch([wireRecord("x".repeat(900))]) },
    ];
    const answer = await connection.request(
      Produce,
      8,
      { transactionalId: null, acks: -1, timeoutMs: 5000, topics: [{ name: own, partitions }] },
      10_000,
    );
    const codes = new Map(
      answer.topics[0]?.partitions.map(({ partition, errorCode }) => [partition, errorCode]),
    );
    assert.deepEqual([codes.get(0), codes.get(1)], [KafkaCode.NONE, KafkaCode.MESSAGE_TOO_LARGE]);
  });
});
