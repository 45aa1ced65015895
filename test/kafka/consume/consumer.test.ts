// Reading in the name of a group: order, commits, takeover, and what goes wrong on the way. On both brokers.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { RecordHandler } from "../../../src/core/ports.ts";
import { Cluster } from "../../../src/kafka/client/cluster.ts";
import { TopicMetadata } from "../../../src/kafka/client/metadata.ts";
import { Consumer } from "../../../src/kafka/consume/consumer.ts";
import { SESSION_MS } from "../../../src/kafka/consume/group-member.ts";
import { crc32c } from "../../../src/wire/crc32c.ts";
import { DeleteRecords } from "../../../src/wire/messages/offsets.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { afterTest } from "../../support/after-test.ts";
import {
  createTopic,
  itOnApacheKafka,
  itOnDevBroker,
  openConnection,
  produceOf,
  produceWithKafkajs,
  useBroker,
  withAdmin,
} from "../../support/broker.ts";
import { keepingLog } from "../../support/gateway.ts";
import { itWithKcat, kcat } from "../../support/kcat.ts";
import { leaderOf } from "../../support/read-back.ts";
import { until } from "../../support/until.ts";

const FETCH = 1;
/** Where a batch's attributes stand, behind its checksum. */
const ATTRIBUTES = 21;

describe("consumer groups", function () {
  this.timeout(60_000);
  const broker = useBroker();

  /** A member that keeps what it was given; `leave: false` vanishes as a killed process does. */
  function member(
    group: string,
    topics: string[],
    from: "latest" | "earliest",
    handler: RecordHandler = async () => 1,
  ) {
    const log = keepingLog();
    const options = { brokers: broker.addresses(), requestTimeoutMs: 1500, connectTimeoutMs: 2000 };
    const cluster = new Cluster(options, log);
    const metadata = new TopicMetadata(cluster, log);
    cluster.start();
    const consumer = new Consumer({ cluster, metadata, log }, { group, topics, from });
    const taken: { place: string; value: string }[] = [];
    const stopped = new AbortController();
    const done = consumer.run(async (records, ending, signal) => {
      const count = await handler(records, ending, signal);
      for (const { partition, offset, value } of records.slice(0, count))
        taken.push({ place: `${partition}/${offset}`, value: value?.toString() ?? "" });
      return count;
    }, stopped.signal);
    let over = false;
    const stop = async ({ leave = true } = {}): Promise<void> => {
      if (over) return;
      over = true;
      if (!leave) cluster.close();
      stopped.abort();
      await done;
      metadata.stop();
      cluster.close();
    };
    afterTest(stop);
    return { consumer, taken, log, stop };
  }
  const groupName = (): string => `g-${Math.random().toString(36).slice(2)}`;
  async function produce(topic: string, values: readonly string[], partition?: number): Promise<void> {
    const messages = values.map((value, n) => ({ value, partition: partition ?? n % 3 }));
    await produceWithKafkajs(broker.addresses(), topic, messages);
  }
  const numbers = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, n) => String(from + n));

  it("reads every partition in order from the earliest record, and goes on there after a restart", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const group = groupName();
    await produce(topic, numbers(0, 300));
    const first = member(group, [topic], "earliest");
    await until(() => first.taken.length >= 300);
    await first.stop();
    assert.equal(first.taken.length, 300);
    for (const partition of [0, 1, 2]) {
      const offsets = first.taken
        .filter(({ place }) => place.startsWith(`${partition}/`))
        .map(({ place }) => Number(place.split("/")[1]));
      assert.deepEqual(offsets, numbers(0, 100).map(Number));
    }
    await produce(topic, numbers(300, 310));
    const second = member(group, [topic], "earliest");
    await until(() => second.taken.length >= 10);
    assert.deepEqual(second.taken.map(({ value }) => value).sort(), numbers(300, 310));
  });

  it("from latest starts at the end, and keeps that place though nothing was read", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const group = groupName();
    await produce(topic, numbers(0, 30));
    const first = member(group, [topic], "latest");
    await until(() => first.consumer.positions.length === 3);
    await first.stop();
    await produce(topic, numbers(30, 36));
    const second = member(group, [topic], "latest");
    await until(() => second.taken.length >= 6);
    assert.deepEqual(second.taken.map(({ value }) => value).sort(), numbers(30, 36));
  });

  it("a record that was not taken for good comes again; one that was does not", async () => {
    const topic = await broker.topic();
    const group = groupName();
    await produce(topic, ["a", "b", "c"], 0);
    const first = member(group, [topic], "earliest", async ([record], signal) => {
      if (record?.value?.toString() !== "b") return 1;
      await delay(60_000, undefined, { signal });
      return 1;
    });
    await until(() => first.taken.length === 1);
    await first.stop();
    const second = member(group, [topic], "earliest");
    await until(() => second.taken.length >= 2);
    assert.deepEqual(
      second.taken.map(({ value }) => value),
      ["b", "c"],
    );
  });

  // Apache Kafka opens what is packed, and refuses this.
  itOnDevBroker("a batch that can't be read holds up its own partition alone, and is named", async () => {
    const topic = await broker.topic({ partitions: 2 });
    await produce(topic, ["a", "b"], 0);
    const connection = await broker.connect();
    const records = encodeBatch([{ key: null, value: Buffer.from("?"), headers: [], timestamp: Date.now() }]);
    // Codec 4 is zstd, and these bytes are none; the checksum is as it should be.
    records.writeInt16BE(4, ATTRIBUTES);
    records.writeUInt32BE(crc32c(records.subarray(ATTRIBUTES)), ATTRIBUTES - 4);
    const answer = await connection.request(Produce, 8, produceOf(topic, records, { partition: 1 }), 5000);
    assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
    const { taken, consumer, log } = member(groupName(), [topic], "earliest");
    await until(() => log.lines.some(({ level }) => level === "error"));
    await produce(topic, ["c"], 0);
    await until(() => taken.length === 3);
    assert.match(consumer.trouble ?? "", new RegExp(`${topic}/1 can't be read at offset 0`));
  });

  it("from latest: what is added to a topic, or a topic that comes later, is read whole", async () => {
    const topic = await broker.topic();
    const later = `later-${groupName()}`;
    await produce(topic, ["old"], 0);
    const { taken, consumer } = member(groupName(), [topic, later], "latest");
    await until(() => consumer.positions.length === 1);
    await withAdmin(broker.addresses(), (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }),
    );
    await createTopic(broker.addresses(), {}, later);
    await produce(later, ["first"], 0);
    await until(() =>
      produce(topic, ["early"], 1).then(
        () => true,
        () => false,
      ),
    );
    await until(() => taken.length === 2, 20_000);
    assert.deepEqual(taken.map(({ value }) => value).sort(), ["early", "first"]);
  });

  itOnDevBroker("a commit that is refused is tried again, and the record is not", async () => {
    const topic = await broker.topic();
    await produce(topic, ["a", "b"], 0);
    let refusals = 4;
    const { taken, consumer } = member(groupName(), [topic], "earliest");
    await until(() => consumer.positions.length === 1 && taken.length === 2);
    // 30: not authorized; 7: timed out.
    broker.dev().faults.commit = () => (refusals-- > 0 ? 30 - 23 * (refusals % 2) : undefined);
    await produce(topic, ["c", "d"], 0);
    await until(() => taken.length >= 4);
    assert.ok(refusals < 0);
    assert.deepEqual(
      taken.map(({ value }) => value),
      ["a", "b", "c", "d"],
    );
  });

  it("a topic that does not exist holds up no other, and is read once it does", async () => {
    const topic = await broker.topic();
    const later = `later-${groupName()}`;
    await produce(topic, ["a"], 0);
    const { taken } = member(groupName(), [topic, later], "earliest");
    await until(() => taken.length === 1);
    await createTopic(broker.addresses(), {}, later);
    await produce(later, ["b"], 0);
    await until(() => taken.length === 2);
  });

  it("two members share the partitions; one that leaves gives its own to the other at once", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const group = groupName();
    const [first, second] = [member(group, [topic], "earliest"), member(group, [topic], "earliest")];
    await until(() => [first, second].every(({ consumer }) => consumer.positions.length === 2), 30_000);
    await first.stop();
    await until(() => second.consumer.positions.length === 4, 10_000);
  });

  itOnApacheKafka("a member that vanishes has its partitions given away when its session ends", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const group = groupName();
    const [first, second] = [member(group, [topic], "earliest"), member(group, [topic], "earliest")];
    await until(() => [first, second].every(({ consumer }) => consumer.positions.length === 2), 30_000);
    await first.stop({ leave: false });
    await until(() => second.consumer.positions.length === 4, 30_000);
  });

  for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
    itWithKcat(`reads what librdkafka packed with ${codec}`, async () => {
      const topic = await broker.topic();
      const values = numbers(0, 2000).map((number) => `${number} ${"x".repeat(50)}`);
      const args = ["-P", "-b", broker.addresses()[0] ?? "", "-t", topic, "-z", codec, "-X", "linger.ms=100"];
      await kcat(args, values.join("\n"));
      const { taken } = member(groupName(), [topic], "earliest");
      await until(() => taken.length >= values.length);
      assert.deepEqual(
        taken.map(({ value }) => value),
        values,
      );
    });
  }

  itOnApacheKafka(
    "a record that is held for longer than the session keeps its member in the group",
    async () => {
      const topic = await broker.topic();
      const group = groupName();
      await produce(topic, ["a", "b"], 0);
      let calls = 0;
      const first = member(group, [topic], "earliest", async (_, signal) => {
        calls++;
        if (calls === 1) await delay(SESSION_MS * 1.3, undefined, { signal });
        return 1;
      });
      await until(() => first.consumer.positions.length === 1);
      await until(() => first.taken.length === 2, SESSION_MS * 2);
      assert.deepEqual([calls, first.log.lines.filter(({ level }) => level === "warn")], [2, []]);
    },
  );

  it("shows where it stands and how much waits", async () => {
    const topic = await broker.topic();
    await produce(topic, ["a", "b", "c"], 0);
    const held = new AbortController();
    const { consumer } = member(groupName(), [topic], "earliest", async (_, signal) => {
      await delay(60_000, undefined, { signal: AbortSignal.any([signal, held.signal]) }).catch(() => {});
      return 1;
    });
    await until(() => consumer.positions[0]?.lag === 3);
    held.abort();
    await until(() => consumer.positions[0]?.lag === 0);
    assert.equal(consumer.positions[0]?.position, 3);
  });

  it("goes on from the first record that is left when retention removed where it stood, and says so", async () => {
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

  itOnApacheKafka("sees no record of an aborted transaction, and stops before an open one", async () => {
    const topic = await broker.topic();
    const producer = broker
      .kafkajs()
      .producer({ transactionalId: groupName(), idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    afterTest(() => producer.disconnect());
    const inTransaction = async (value: string) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value }] });
      return transaction;
    };
    await (await inTransaction("a")).commit();
    await (await inTransaction("gone")).abort();
    await (await inTransaction("b")).commit();
    const { taken, consumer } = member(groupName(), [topic], "earliest");
    await until(() => taken.length >= 2);
    const open = await inTransaction("c");
    await delay(1000);
    assert.deepEqual(
      taken.map(({ value }) => value),
      ["a", "b"],
    );
    await open.commit();
    await until(() => taken.length >= 3);
    await until(() => consumer.positions[0]?.lag === 0);
  });

  itOnDevBroker("a connection cut in the middle of a Fetch answer: goes on within 5 s", async () => {
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
  });
});
