// Fetching: unreadable batches, deleted records, transactions, lost connections.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { Consumer } from "../../../src/kafka/consume/consumer.ts";
import { ReadBudget } from "../../../src/kafka/consume/read-budget.ts";
import { crc32c } from "../../../src/wire/crc32c.ts";
import { DeleteRecords } from "../../../src/wire/messages/offsets.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { afterTest } from "../../support/after-test.ts";
import {
  itOnDevBroker,
  openConnection,
  produceOf,
  produceWithKafkajs,
  withAdmin,
} from "../../support/broker.ts";
import { groupName, numbers, startMember, useGroupMembers } from "../../support/group-members.ts";
import { leaderOf } from "../../support/read-back.ts";
import { until } from "../../support/until.ts";

const FETCH = 1;
/** The position of a batch's attributes, after its checksum. */
const ATTRIBUTES = 21;

describe("kafka: fetching", function () {
  this.timeout(60_000);
  const { broker, member, produce } = useGroupMembers();

  // Apache Kafka decompresses batches before it appends them, and would refuse this one.
  itOnDevBroker("reports a batch that cannot be read, and delays only its own partition", async () => {
    const topic = await broker.topic({ partitions: 2 });
    await produce(topic, ["a", "b"], 0);
    const connection = await broker.connect();
    const records = encodeBatch([{ key: null, value: Buffer.from("?"), headers: [], timestamp: Date.now() }]);
    // Codec 4 is zstd, and these bytes are not; the checksum is valid.
    records.writeInt16BE(4, ATTRIBUTES);
    records.writeUInt32BE(crc32c(records.subarray(ATTRIBUTES)), ATTRIBUTES - 4);
    const answer = await connection.request(Produce, 8, produceOf(topic, records, { partition: 1 }), 5000);
    assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
    const { taken, consumer, log } = member(groupName(), [topic], "earliest");
    await until(() => log.lines.some(({ event }) => event.startsWith("reading is blocked")));
    await produce(topic, ["c"], 0);
    await until(() => taken.length === 3);
    assert.match(
      consumer.blockedReasons[0]?.message ?? "",
      new RegExp(`${topic}/1 can't be read at offset 0`),
    );
  });

  it("continues at the first record when retention removed its position, and logs that", async () => {
    const topic = await broker.topic();
    const group = groupName();
    const first = member(group, [topic], "earliest");
    await until(() => first.consumer.positions.length === 1);
    await first.stop();
    await produce(topic, ["a", "b", "c"], 0);
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    const request = { topics: [{ name: topic, partitions: [{ partition: 0, offset: 2 }] }], timeoutMs: 5000 };
    await connection.request(DeleteRecords, 1, request, 5000);
    connection.close();
    const second = member(group, [topic], "earliest");
    await until(() => second.taken.length >= 1);
    assert.deepEqual(
      second.taken.map(({ value }) => value),
      ["c"],
    );
    assert.ok(second.log.lines.some(({ event }) => event.includes("retention")));
  });

  it("delivers no record of an aborted transaction, and stops before an open one", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const producer = broker
      .kafkajs()
      .producer({ transactionalId: groupName(), idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    afterTest(() => producer.disconnect());
    const inTransaction = async (value: string) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value, partition: 0 }] });
      return transaction;
    };
    await (await inTransaction("a")).commit();
    await (await inTransaction("gone")).abort();
    await (await inTransaction("b")).commit();
    const group = groupName();
    const { taken, consumer } = member(group, [topic], "earliest");
    await until(() => taken.length >= 2);
    const open = await inTransaction("c");
    // When this record of the other partition arrives, a record of the open transaction would have arrived as
    // well.
    await produce(topic, ["other"], 1);
    await until(() => taken.some(({ value }) => value === "other"));
    assert.deepEqual(
      taken.map(({ value }) => value),
      ["a", "b", "other"],
    );
    await open.commit();
    await until(() => taken.at(-1)?.value === "c");
    await until(() => consumer.positions.every(({ lag }) => lag === 0));
    await (await inTransaction("gone too")).abort();
    // Control records follow the last record. The committed offset moves past them, so that tools show no lag.
    await withAdmin(broker.addresses(), (admin) =>
      until(async () => {
        const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        const ends = await admin.fetchTopicOffsets(topic);
        return ends.every(
          ({ partition, high }) =>
            committed?.partitions.find((each) => each.partition === partition)?.offset === high,
        );
      }),
    );
  });

  itOnDevBroker(
    "continues within 5 s after a connection is cut in the middle of a Fetch response",
    async () => {
      const topic = await broker.topic();
      await produce(topic, numbers(0, 50), 0);
      let cuts = 3;
      broker.dev().faults.response = (apiKey, frame) =>
        apiKey === FETCH && frame.length > 200 && cuts-- > 0 ? { kind: "cut", afterBytes: 100 } : undefined;
      const { taken } = member(groupName(), [topic], "earliest");
      await until(() => taken.length >= 50, 5000);
      assert.ok(cuts < 0);
      assert.deepEqual(
        taken.map(({ value }) => value),
        numbers(0, 50),
      );
    },
  );

  itOnDevBroker(
    "reports a broker that does not answer for a partition, and reads it when it does",
    async () => {
      const topic = await broker.topic();
      await produce(topic, ["a"], 0);
      // The id of the topic in the answer is another one.
      broker.dev().faults.response = (apiKey, frame) => {
        if (apiKey === FETCH && frame.length > 40) frame.fill(7, 20, 36);
        return undefined;
      };
      const { taken, consumer } = member(groupName(), [topic], "earliest");
      await until(() => consumer.blockedReasons.length > 0);
      assert.match(consumer.blockedReasons[0]?.message ?? "", /-1 UNKNOWN_SERVER_ERROR/);
      assert.equal(consumer.positions[0]?.lag, null);
      broker.dev().faults.clear();
      await until(() => taken.length === 1);
      await until(() => consumer.blockedReasons.length === 0);
    },
  );

  itOnDevBroker("logs a trouble whose code alternates once", async () => {
    const topic = await broker.topic();
    let fetches = 0;
    broker.dev().faults.fetch = () => ({ errorCode: fetches++ % 2 === 0 ? 29 : 56 });
    const { log } = member(groupName(), [topic], "earliest");
    await until(() => fetches > 8, 20_000);
    const lines = log.lines.filter(({ event }) => event.startsWith("reading is blocked"));
    assert.equal(lines.length, 1);
  });

  it("a full budget lets every partition have its turn", async () => {
    const topic = await broker.topic({ partitions: 12 });
    for (let partition = 0; partition < 12; partition++)
      await produceWithKafkajs(broker.addresses(), topic, [
        { value: "x".repeat(400_000), partition },
        { value: "y".repeat(400_000), partition },
      ]);
    const { deps } = startMember(broker.addresses(), groupName(), [], "earliest");
    const seen = new Set<number>();
    const readBudget = new ReadBudget(2_000_000, 256_000_000);
    const consumer = new Consumer(
      { ...deps, readBudget },
      { group: groupName(), topics: [topic], from: "earliest" },
    );
    const stopping = new AbortController();
    const done = consumer.run(async ([record], _, cancel) => {
      seen.add(record?.partition ?? -1);
      await delay(300, undefined, { signal: cancel });
      return 1;
    }, stopping.signal);
    await until(() => seen.size === 12, 30_000);
    stopping.abort();
    await done;
    assert.equal(readBudget.used, 0);
  });
});
