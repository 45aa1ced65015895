// The records of transactions: what a broker stores, and what it returns to readers per isolation level. The same on the
// development broker and on Apache Kafka.

import { strict as assert } from "node:assert";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { ListOffsets } from "../../../src/wire/messages/offsets.ts";
import { readRecords } from "../../../src/wire/record-batch-reader.ts";
import { afterTest } from "../../support/after-test.ts";
import { listOffsetsOf, useBroker } from "../../support/broker.ts";
import { fetchIsolated, RawTransactions } from "../../support/transactions.ts";
import { until } from "../../support/until.ts";

const LATEST = -1;
const EARLIEST = -2;
const UNCOMMITTED = 0;
const COMMITTED = 1;

describe("conformance: records of transactions", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let connection: Connection;
  before(async () => {
    connection = await broker.connect();
  });

  /** A transactional producer with its identity, and a topic of one partition. */
  async function start() {
    const producer = new RawTransactions(connection);
    const [own, topic] = [await producer.init(), await broker.topic()];
    return { producer, own, topic };
  }
  async function list(topic: string, isolationLevel: number, timestamp: number): Promise<number> {
    const request = { ...listOffsetsOf(topic, timestamp), isolationLevel };
    const answer = await connection.request(ListOffsets, 5, request, 5000);
    return answer.topics[0]?.partitions[0]?.offset ?? Number.NaN;
  }
  /** Resolves when no transaction is open before `offset`: Apache Kafka writes markers after its answer to EndTxn. */
  const untilStable = (topic: string, offset: number): Promise<void> =>
    until(async () => (await list(topic, COMMITTED, LATEST)) >= offset);
  async function offsets(topic: string, isolationLevel: number, offset = 0): Promise<number[]> {
    const { batches } = await fetchIsolated(connection, topic, isolationLevel, { offset });
    return batches.map(({ baseOffset }) => baseOffset);
  }

  it("refuses a batch whose partition was not added, and one without the transactional id", async () => {
    const { producer, own, topic } = await start();
    /** Apache Kafka answers NOT_ENOUGH_REPLICAS when it cannot ask the coordinator at the moment. */
    const refusal = async (sequence: number) => {
      let answer = await producer.produce(own, topic, sequence, "v");
      await until(async () => {
        if (answer.errorCode !== KafkaCode.NOT_ENOUGH_REPLICAS) return true;
        answer = await producer.produce(own, topic, sequence, "v");
        return false;
      });
      return [answer.errorCode, answer.baseOffset];
    };
    assert.deepEqual(await refusal(0), [KafkaCode.INVALID_TXN_STATE, -1]);
    await producer.add(own, topic);
    const withoutId = await producer.produce(own, topic, 0, "v", { transactionalId: null });
    assert.equal(withoutId.errorCode, KafkaCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert.equal((await producer.produce(own, topic, 0, "v")).errorCode, KafkaCode.NONE);
    await producer.end(own, true);
    await untilStable(topic, 2);
    assert.deepEqual(await refusal(1), [KafkaCode.INVALID_TXN_STATE, -1]);
  });

  it("checks the sequence in a transaction, and refuses a batch outside it", async () => {
    const { producer, own, topic } = await start();
    await producer.add(own, topic);
    const produce = async (sequence: number, more = {}): Promise<[number, number]> => {
      const { errorCode, baseOffset } = await producer.produce(own, topic, sequence, "v", more);
      return [errorCode, baseOffset];
    };
    assert.deepEqual(await produce(0), [KafkaCode.NONE, 0]);
    assert.deepEqual(await produce(1), [KafkaCode.NONE, 1]);
    assert.deepEqual(await produce(1), [KafkaCode.NONE, 1]);
    assert.deepEqual(await produce(5), [KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1]);
    assert.deepEqual(await produce(2, { transactional: false }), [KafkaCode.INVALID_TXN_STATE, -1]);
    await producer.end(own, true);
    await untilStable(topic, 3);
    assert.deepEqual(await produce(2, { transactional: false }), [KafkaCode.NONE, 3]);
  });

  it("refuses a control batch of a client", async () => {
    const { producer, own, topic } = await start();
    const batch = { control: true, transactional: false, transactionalId: null };
    const { errorCode } = await producer.produce(own, topic, 0, "v", batch);
    assert.equal(errorCode, KafkaCode.INVALID_RECORD);
  });

  it("returns the records of an open transaction to read_uncommitted only", async () => {
    const { producer, own, topic } = await start();
    const plain = { transactionalId: null, transactional: false };
    await producer.produce({ producerId: -1, producerEpoch: -1 }, topic, -1, "before", plain);
    await producer.add(own, topic);
    await producer.produce(own, topic, 0, "open");
    await producer.produce({ producerId: -1, producerEpoch: -1 }, topic, -1, "after", plain);
    assert.deepEqual(await offsets(topic, UNCOMMITTED), [0, 1, 2]);
    assert.deepEqual(await offsets(topic, COMMITTED), [0]);
    const { highWatermark, lastStableOffset, abortedTransactions, errorCode } = await fetchIsolated(
      connection,
      topic,
      COMMITTED,
      { offset: 2 },
    );
    assert.deepEqual([errorCode, highWatermark, lastStableOffset, abortedTransactions], [0, 3, 1, []]);
    await producer.end(own, true);
    await untilStable(topic, 4);
    assert.deepEqual(await offsets(topic, COMMITTED), [0, 1, 2, 3]);
  });

  it("lists the last stable offset as the end for read_committed", async () => {
    const { producer, own, topic } = await start();
    await producer.add(own, topic);
    await producer.produce(own, topic, 0, "open");
    assert.deepEqual([await list(topic, UNCOMMITTED, LATEST), await list(topic, COMMITTED, LATEST)], [1, 0]);
    assert.deepEqual([await list(topic, UNCOMMITTED, 0), await list(topic, COMMITTED, 0)], [0, -1]);
    assert.equal(await list(topic, COMMITTED, EARLIEST), 0);
    await producer.end(own, false);
    await untilStable(topic, 2);
    assert.deepEqual([await list(topic, UNCOMMITTED, LATEST), await list(topic, COMMITTED, LATEST)], [2, 2]);
  });

  for (const [committed, type] of [
    [true, 1],
    [false, 0],
  ] as const)
    it(`writes ${committed ? "a commit" : "an abort"} marker to every partition, also to one without records`, async () => {
      const { producer, own, topic } = await start();
      const empty = await broker.topic();
      await producer.add(own, topic);
      await producer.add(own, empty);
      await producer.produce(own, topic, 0, "v");
      await producer.end(own, committed);
      for (const [name, offset] of [
        [topic, 1],
        [empty, 0],
      ] as const) {
        await untilStable(name, offset + 1);
        await until(async () => (await list(name, UNCOMMITTED, LATEST)) === offset + 1);
        const { batches } = await fetchIsolated(connection, name, COMMITTED, { offset });
        const [marker] = batches;
        assert.ok(marker?.crcValid && marker.control && marker.transactional);
        assert.deepEqual(
          [marker.baseOffset, marker.producerId, marker.epoch, marker.sequence, marker.count],
          [offset, own.producerId, own.producerEpoch, -1, 1],
        );
        const [record] = readRecords(marker);
        assert.deepEqual([record?.key, record?.value], [Buffer.from([0, 0, 0, type]), Buffer.alloc(6)]);
      }
    });

  it("names the aborted transactions among the returned offsets", async () => {
    const { producer, own, topic } = await start();
    const other = new RawTransactions(connection);
    const their = await other.init();
    await producer.add(own, topic);
    await other.add(their, topic);
    await producer.produce(own, topic, 0, "aborted");
    await other.produce(their, topic, 0, "committed");
    await producer.produce(own, topic, 1, "aborted");
    await other.end(their, true);
    await until(async () => (await list(topic, UNCOMMITTED, LATEST)) === 4);
    assert.equal(await list(topic, COMMITTED, LATEST), 0);
    await producer.end(own, false);
    await untilStable(topic, 5);
    const aborted = async (offset: number, isolationLevel = COMMITTED) =>
      (await fetchIsolated(connection, topic, isolationLevel, { offset })).abortedTransactions;
    const expected = [{ producerId: own.producerId, firstOffset: 0 }];
    for (const offset of [0, 3, 4]) assert.deepEqual(await aborted(offset), expected);
    assert.deepEqual(await aborted(5), []);
    assert.equal(await aborted(0, UNCOMMITTED), null);
  });

  it("marks the abort of a fenced transaction with the next epoch, and then refuses the earlier one", async () => {
    const { producer, own, topic } = await start();
    await producer.add(own, topic);
    await producer.produce(own, topic, 0, "fenced");
    const next = await producer.init();
    await untilStable(topic, 2);
    const { batches, abortedTransactions } = await fetchIsolated(connection, topic, COMMITTED);
    assert.deepEqual(abortedTransactions, [{ producerId: own.producerId, firstOffset: 0 }]);
    assert.equal(batches[1]?.epoch, own.producerEpoch + 1);
    const late = await producer.produce(own, topic, 1, "late");
    assert.deepEqual([late.errorCode, late.baseOffset], [KafkaCode.INVALID_PRODUCER_EPOCH, -1]);
    await producer.run(next, topic, 0, "next", true);
  });

  it("commits the next transaction when EndTxn arrives a second time under the same epoch", async () => {
    const { producer, own, topic } = await start();
    await producer.run(own, topic, 0, "first", true);
    await producer.add(own, topic);
    await producer.produce(own, topic, 1, "second");
    assert.equal(await producer.end(own, true), KafkaCode.NONE);
    assert.equal(await producer.end(own, false), KafkaCode.INVALID_TXN_STATE);
    await untilStable(topic, 4);
    const { abortedTransactions } = await fetchIsolated(connection, topic, COMMITTED);
    assert.deepEqual(abortedTransactions, []);
  });

  it("answers a waiting read_committed reader when the transaction ends", async () => {
    const { producer, own, topic } = await start();
    await producer.add(own, topic);
    await producer.produce(own, topic, 0, "v");
    const reader = await broker.connect();
    afterTest(() => reader.close());
    const waiting = fetchIsolated(reader, topic, COMMITTED, { maxWaitMs: 15_000, minBytes: 1 });
    const began = Date.now();
    await producer.end(own, true);
    assert.equal((await waiting).batches[0]?.baseOffset, 0);
    assert.ok(Date.now() - began < 10_000);
  });
});
