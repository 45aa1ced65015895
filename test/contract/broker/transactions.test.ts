// A broker's answers to transactional producers: the same on the development broker and on Apache Kafka.

import { strict as assert } from "node:assert";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { FindCoordinator } from "../../../src/wire/messages/cluster.ts";
import { itOnDevBroker, useBroker } from "../../support/broker.ts";
import { type Identity, NO_IDENTITY, RawTransactions, settled } from "../../support/transactions.ts";
import { until } from "../../support/until.ts";

const LONGEST_TIMEOUT_MS = 900_000;

describe("conformance: transactions", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let connection: Connection;
  let topic: string;
  before(async () => {
    connection = await broker.connect();
    topic = await broker.topic({ partitions: 2 });
  });

  const start = (id?: string): RawTransactions => new RawTransactions(connection, id);
  const code = async (answer: Promise<{ readonly errorCode: number }>): Promise<number> =>
    (await answer).errorCode;

  it("finds the coordinator of a transactional id, and refuses an unknown key type", async () => {
    const find = (keyType: number) => connection.request(FindCoordinator, 2, { key: "t", keyType }, 5000);
    const found = await settled(
      () => find(1),
      ({ errorCode }) => errorCode,
    );
    assert.equal(found.errorCode, KafkaCode.NONE);
    assert.ok(found.nodeId >= 0);
    assert.equal(await code(find(7)), KafkaCode.INVALID_REQUEST);
  });

  for (const version of [0, 1, 2, 3, 4])
    it(`keeps the producer id and increments the epoch for a producer that takes over with InitProducerId v${version}`, async () => {
      const producer = start();
      const first = await producer.init(NO_IDENTITY, { version });
      assert.deepEqual([first.errorCode, first.producerEpoch], [KafkaCode.NONE, 0]);
      const second = await producer.init(NO_IDENTITY, { version });
      assert.deepEqual(second, { ...first, producerEpoch: 1 });
    });

  it("refuses a time-out of 0, one above transaction.max.timeout.ms, and an empty transactional id", async () => {
    const producer = start();
    for (const timeoutMs of [0, LONGEST_TIMEOUT_MS + 1])
      assert.equal(
        await code(producer.init(NO_IDENTITY, { timeoutMs })),
        KafkaCode.INVALID_TRANSACTION_TIMEOUT,
      );
    assert.equal(await code(producer.init(NO_IDENTITY, { timeoutMs: LONGEST_TIMEOUT_MS })), KafkaCode.NONE);
    assert.equal(await code(start("").init()), KafkaCode.INVALID_REQUEST);
  });

  it("refuses a producer id without an epoch, and an epoch without a producer id", async () => {
    const producer = start();
    for (const own of [
      { producerId: 5, producerEpoch: -1 },
      { producerId: -1, producerEpoch: 5 },
    ])
      assert.equal(await code(producer.init(own)), KafkaCode.INVALID_REQUEST);
  });

  it("gives the owner the next epoch, and the same answer when it repeats the request", async () => {
    const producer = start();
    const own = await producer.init();
    const next = await producer.init(own);
    assert.deepEqual(next, { ...own, producerEpoch: 1 });
    assert.deepEqual(await producer.init(own), next);
  });

  it("refuses InitProducerId with an earlier epoch after a takeover, and with another producer id", async () => {
    const producer = start();
    const fenced = await producer.init();
    const own = await producer.init();
    assert.equal(await code(producer.init(fenced)), KafkaCode.PRODUCER_FENCED);
    assert.equal(await code(producer.init(fenced, { version: 3 })), KafkaCode.INVALID_PRODUCER_EPOCH);
    const other = { producerId: 2 ** 40, producerEpoch: 0 };
    assert.equal(await code(producer.init(other)), KafkaCode.PRODUCER_FENCED);
    // Another producer id does not abort the ongoing transaction.
    await producer.add(own, topic);
    assert.equal(await code(producer.init(other)), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(own, true), KafkaCode.NONE);
  });

  for (const [version, refused] of [
    [0, KafkaCode.INVALID_PRODUCER_EPOCH],
    [1, KafkaCode.INVALID_PRODUCER_EPOCH],
    [2, KafkaCode.PRODUCER_FENCED],
    [3, KafkaCode.PRODUCER_FENCED],
  ] as const)
    it(`runs a transaction with AddPartitionsToTxn and EndTxn v${version}, and refuses an earlier epoch with ${refused}`, async () => {
      const producer = start();
      const fenced = await producer.init();
      const own = await producer.init();
      assert.equal(await producer.add(fenced, topic, version), refused);
      assert.equal(await producer.add(own, topic, version), KafkaCode.NONE);
      assert.equal(await producer.end(fenced, true, version), refused);
      assert.equal(await producer.end(own, true, version), KafkaCode.NONE);
    });

  it("refuses an epoch that it did not give", async () => {
    const producer = start();
    const own = await producer.init();
    const later = { ...own, producerEpoch: own.producerEpoch + 1 };
    assert.equal(await producer.add(later, topic), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(later, true), KafkaCode.PRODUCER_FENCED);
  });

  it("answers 49 for an unknown transactional id and for another producer id, and 42 for an empty id", async () => {
    const producer = start();
    const own = await producer.init();
    const all = async (by: RawTransactions, as: Identity): Promise<number[]> => [
      await by.add(as, topic),
      await by.end(as, true),
    ];
    assert.deepEqual(await all(start(), own), [49, 49]);
    assert.deepEqual(await all(producer, { ...own, producerId: 2 ** 40 }), [49, 49]);
    assert.deepEqual(await all(start(""), own), [42, 42]);
    assert.equal(await code(start().produce(own, topic, 0, "v")), 49);
    assert.equal(await code(producer.produce({ ...own, producerId: 2 ** 40 }, topic, 0, "v")), 49);
  });

  it("adds no partition when one does not exist", async () => {
    const producer = start();
    const own = await producer.init();
    const missing = "no-such-topic-anywhere";
    const codes = await producer.addAll(own, [
      { name: topic, partitions: [0, 7] },
      { name: missing, partitions: [0] },
    ]);
    assert.deepEqual(codes, {
      [`${topic}/0`]: KafkaCode.OPERATION_NOT_ATTEMPTED,
      [`${topic}/7`]: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
      [`${missing}/0`]: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    assert.equal(await code(producer.produce(own, topic, 0, "v")), KafkaCode.INVALID_TXN_STATE);
    assert.equal(await producer.end(own, true), KafkaCode.INVALID_TXN_STATE);
  });

  it("accepts the end of a transaction again, and refuses the opposite end and an end without a transaction", async () => {
    const producer = start();
    const own = await producer.init();
    assert.equal(await producer.end(own, true), KafkaCode.INVALID_TXN_STATE);
    assert.equal(await producer.end(own, false), KafkaCode.INVALID_TXN_STATE);
    for (const committed of [true, false]) {
      assert.equal(await producer.add(own, topic), KafkaCode.NONE);
      assert.equal(await producer.end(own, committed), KafkaCode.NONE);
      assert.equal(await producer.end(own, committed), KafkaCode.NONE);
      assert.equal(await producer.end(own, !committed), KafkaCode.INVALID_TXN_STATE);
    }
  });

  it("aborts the ongoing transaction of the previous owner, and answers 51 until it is aborted", async () => {
    const producer = start();
    const fenced = await producer.init();
    await producer.add(fenced, topic);
    assert.equal(await code(producer.initOnce()), KafkaCode.CONCURRENT_TRANSACTIONS);
    const own = await producer.init();
    // One epoch is for the abort.
    assert.deepEqual(own, { ...fenced, producerEpoch: 2 });
    assert.equal(await producer.end(fenced, true), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(own, true), KafkaCode.INVALID_TXN_STATE);
  });

  it("aborts the ongoing transaction of the owner that recovers, and refuses a late EndTxn", async () => {
    const producer = start();
    const lost = await producer.init();
    await producer.add(lost, topic);
    assert.equal(await code(producer.initOnce(lost)), KafkaCode.CONCURRENT_TRANSACTIONS);
    const own = await producer.init(lost);
    assert.deepEqual(own, { ...lost, producerEpoch: 1 });
    await producer.add(own, topic);
    assert.equal(await producer.end(lost, true), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(own, false), KafkaCode.NONE);
  });

  it("aborts the ongoing transaction when a fenced producer recovers, and lets the owner continue", async () => {
    const producer = start();
    const fenced = await producer.init();
    const own = await producer.init();
    await producer.add(own, topic);
    assert.equal(await code(producer.init(fenced)), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(own, true), KafkaCode.PRODUCER_FENCED);
    assert.deepEqual(await producer.init(own), { ...own, producerEpoch: own.producerEpoch + 1 });
  });

  it("aborts a transaction after its time-out, and lets the owner recover", async () => {
    const producer = start();
    const late = await producer.init(NO_IDENTITY, { timeoutMs: 500 });
    const other = start();
    const idle = await other.init(NO_IDENTITY, { timeoutMs: 500 });
    await other.add(idle, topic);
    await other.end(idle, true);
    await producer.add(late, topic);
    assert.equal(await code(producer.produce(late, topic, 0, "v")), KafkaCode.NONE);
    const isOngoing = async (): Promise<boolean> => (await producer.addOnce(late, topic)) === KafkaCode.NONE;
    await until(async () => !(await isOngoing()), 40_000);
    // The transaction of the other producer began earlier, and was committed in time.
    assert.equal(await other.add(idle, topic), KafkaCode.NONE);
    assert.equal(await producer.add(late, topic), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(late, true), KafkaCode.PRODUCER_FENCED);
    assert.equal(await producer.end(late, false), KafkaCode.PRODUCER_FENCED);
    assert.equal(await code(producer.produce(late, topic, 1, "v")), KafkaCode.INVALID_PRODUCER_EPOCH);
    const own = await producer.init(late);
    assert.deepEqual(own, { ...late, producerEpoch: 1 });
    assert.equal(await producer.add(own, topic), KafkaCode.NONE);
  });

  itOnDevBroker("answers 51, and 19 to Produce, while the markers are not written", async () => {
    const producer = start();
    const own = await producer.init();
    let writeMarkers = (): void => {};
    const held = new Promise<void>((resolve) => {
      writeMarkers = resolve;
    });
    broker.dev().faults.markers = () => held;
    await producer.add(own, topic);
    assert.equal(await producer.endOnce(own, true), KafkaCode.NONE);
    assert.equal(await producer.endOnce(own, true), KafkaCode.CONCURRENT_TRANSACTIONS);
    assert.equal(await producer.endOnce(own, false), KafkaCode.INVALID_TXN_STATE);
    assert.equal(await producer.addOnce(own, topic), KafkaCode.CONCURRENT_TRANSACTIONS);
    assert.equal(await code(producer.initOnce(own)), KafkaCode.CONCURRENT_TRANSACTIONS);
    assert.equal(await code(producer.produce(own, topic, 0, "v")), KafkaCode.NOT_ENOUGH_REPLICAS);
    writeMarkers();
    assert.equal(await producer.end(own, true), KafkaCode.NONE);
    assert.equal(await producer.add(own, topic), KafkaCode.NONE);
  });

  itOnDevBroker(
    "answers 49 after a transactional id expired, and gives its owner a new producer id",
    async () => {
      const [idle, busy] = [start(), start()];
      const [expired, own] = [await idle.init(), await busy.init()];
      await busy.add(own, topic);
      broker.dev().expireTransactionalIds();
      assert.equal(await busy.end(own, true), KafkaCode.NONE);
      assert.equal(await idle.add(expired, topic), KafkaCode.INVALID_PRODUCER_ID_MAPPING);
      assert.equal(await idle.end(expired, true), KafkaCode.INVALID_PRODUCER_ID_MAPPING);
      const renewed = await idle.init(expired);
      assert.deepEqual([renewed.errorCode, renewed.producerEpoch], [KafkaCode.NONE, 0]);
      assert.notEqual(renewed.producerId, expired.producerId);
    },
  );
});
