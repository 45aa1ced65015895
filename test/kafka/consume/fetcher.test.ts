// Fetching: unreadable batches, deleted records, transactions, lost connections.

import { strict as assert } from "node:assert";
import { crc32c } from "../../../src/wire/crc32c.ts";
import { DeleteRecords } from "../../../src/wire/messages/offsets.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { afterTest } from "../../support/after-test.ts";
import {
  itOnApacheKafka,
  itOnDevBroker,
  openConnection,
  produceOf,
  withAdmin,
} from "../../support/broker.ts";
import { groupName, numbers, useGroupMembers } from "../../support/group-members.ts";
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
    assert.match(consumer.troubles[0]?.message ?? "", new RegExp(`${topic}/1 can't be read at offset 0`));
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

  itOnApacheKafka("delivers no record of an aborted transaction, and stops before an open one", async () => {
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
});
