// Transactions in the memory of the development broker: compaction, retention, truncation and the end of the epochs.

import { strict as assert } from "node:assert";
import { DevBroker } from "../../src/dev-broker/broker.ts";
import { type ProducerDeps, TransactionalProducer } from "../../src/dev-broker/transactional-producer.ts";
import type { Connection } from "../../src/kafka/client/connection.ts";
import { DeleteRecords, ListOffsets } from "../../src/wire/messages/offsets.ts";
import { afterTest } from "../support/after-test.ts";
import { listOffsetsOf, openConnection, withAdmin } from "../support/broker.ts";
import { fetchIsolated, type Identity, NO_IDENTITY, RawTransactions } from "../support/transactions.ts";

const COMMITTED = 1;
const PLAIN = { transactionalId: null, transactional: false };
/** Eleven records of this size exceed the limit of the broker below, and the bytes after which a topic is compacted. */
const LARGE = "x".repeat(100_000);
const MANY = 11;

describe("dev broker: transactions", () => {
  let broker: DevBroker;
  let connection: Connection;
  beforeEach(async () => {
    broker = new DevBroker({ retentionBytes: 1_000_000 });
    await broker.start();
    afterTest(() => broker.stop());
    connection = await openConnection(broker.address);
    afterTest(() => connection.close());
    broker.createTopic("logs");
    broker.createTopic("state", 1, { "cleanup.policy": "compact" });
  });

  async function start() {
    const producer = new RawTransactions(connection);
    return { producer, own: await producer.init() };
  }
  async function fill(topic: string): Promise<void> {
    const { producer } = await start();
    const record = { key: Buffer.from("fill") };
    for (let n = 0; n < MANY; n++) {
      const { errorCode } = await producer.produce(NO_IDENTITY, topic, -1, LARGE, { ...PLAIN, record });
      assert.equal(errorCode, 0);
    }
  }
  async function offsets(topic: string): Promise<number[]> {
    const { batches } = await fetchIsolated(connection, topic, 0, { offset: await startOf(topic) });
    return batches.map(({ baseOffset }) => baseOffset);
  }
  async function startOf(topic: string): Promise<number> {
    const answer = await connection.request(ListOffsets, 5, listOffsetsOf(topic, -2), 1000);
    return answer.topics[0]?.partitions[0]?.offset ?? -1;
  }

  it("compacts committed records only, and keeps markers and all records after the last stable offset", async () => {
    const [{ producer, own }, open] = [await start(), await start()];
    const record = { key: Buffer.from("k") };
    for (const [sequence, committed] of [true, true, false].entries()) {
      await producer.add(own, "state");
      await producer.produce(own, "state", sequence, `v${sequence}`, { record });
      await producer.end(own, committed);
    }
    await open.producer.add(open.own, "state");
    await open.producer.produce(open.own, "state", 0, "open", { record });
    await fill("state");
    // The record at 0 has a later one at 2, and the record at 4 was aborted.
    const filled = Array.from({ length: MANY }, (_, n) => 7 + n);
    assert.deepEqual(await offsets("state"), [1, 2, 3, 5, 6, ...filled]);
    await open.producer.end(open.own, false);
    await fill("state");
    const kept = await offsets("state");
    assert.deepEqual(
      kept.filter((offset) => offset <= 7 + MANY),
      [1, 2, 3, 5, 7 + MANY],
    );
  });

  it("deletes no record after the last stable offset", async () => {
    const { producer, own } = await start();
    await producer.add(own, "logs");
    await producer.produce(own, "logs", 0, LARGE);
    await fill("logs");
    assert.equal(await startOf("logs"), 0);
    await producer.end(own, true);
    await fill("logs");
    assert.ok((await startOf("logs")) > MANY);
  });

  it("moves the last stable offset to the start of the log, and forgets aborted transactions before it", async () => {
    const [{ producer, own }, open] = [await start(), await start()];
    await producer.run(own, "logs", 0, "aborted", false);
    await open.producer.add(open.own, "logs");
    await open.producer.produce(open.own, "logs", 0, "open");
    await fill("logs");
    const deletion = (offset: number) => ({
      topics: [{ name: "logs", partitions: [{ partition: 0, offset }] }],
      timeoutMs: 1000,
    });
    await connection.request(DeleteRecords, 1, deletion(5), 1000);
    const fetched = await fetchIsolated(connection, "logs", COMMITTED, { offset: 5 });
    assert.deepEqual(
      [fetched.errorCode, fetched.lastStableOffset, fetched.abortedTransactions, fetched.batches],
      [0, 5, [], []],
    );
  });

  it("reopens a transaction whose marker is truncated, and forgets one whose records are truncated", async () => {
    const { producer, own } = await start();
    await producer.run(own, "logs", 0, "aborted", false);
    broker.truncate("logs", 0, 1);
    assert.equal((await fetchIsolated(connection, "logs", COMMITTED)).lastStableOffset, 0);
    broker.truncate("logs", 0, 0);
    const { lastStableOffset, abortedTransactions } = await fetchIsolated(connection, "logs", COMMITTED);
    assert.deepEqual([lastStableOffset, abortedTransactions], [0, []]);
  });

  it("ends a transaction whose topic was deleted", async () => {
    const { producer, own } = await start();
    broker.createTopic("gone");
    for (const topic of ["logs", "gone"]) await producer.add(own, topic);
    await producer.produce(own, "logs", 0, "kept");
    await withAdmin([broker.address], (admin) => admin.deleteTopics({ topics: ["gone"] }));
    assert.equal(await producer.end(own, true), 0);
    assert.equal((await fetchIsolated(connection, "logs", COMMITTED)).lastStableOffset, 2);
  });

  it("gives a new producer id after the last epoch", () => {
    let ids = 5;
    const deps: ProducerDeps = { nextProducerId: () => ids++, writeMarkers: (_p, _i, _c, done) => done() };
    const producer = new TransactionalProducer(deps);
    let own = producer.init(undefined, 1000) as Identity;
    while (own.producerEpoch < 32_766) own = producer.init(own, 1000) as Identity;
    assert.equal(own.producerId, 5);
    const next = producer.init(own, 1000);
    assert.deepEqual(next, { producerId: 6, producerEpoch: 0 });
    assert.deepEqual(producer.init(own, 1000), next);
  });
});
