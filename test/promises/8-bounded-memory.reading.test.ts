// Promise 8 for readers: what sinks hold of the batches that they read is bounded, however well the batches are
// compressed and however long a receiver takes.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Produce } from "../../src/wire/messages/produce.ts";
import { encodeBatch, type WireRecord } from "../../src/wire/record-batch.ts";
import { openConnection, produceOf, useBroker } from "../support/broker.ts";
import { post, sinkState } from "../support/http.ts";
import { rss, startMeasured, watchRss } from "../support/process.ts";
import { leaderOf } from "../support/read-back.ts";
import { startReceiver } from "../support/receiver.ts";
import { wireRecord } from "../support/records.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;
const PARTITIONS = soak ? 64 : 8;
const BATCHES = 3;
/** The size of a batch, decompressed. */
const UNPACKED = 12 * MEGABYTE;
const VALUE = Buffer.alloc(4096, "onramp ");
const gzip = { attribute: 1, compress: (bytes: Buffer) => gzipSync(bytes) } as const;

describe("promise 8: bounded memory of readers", function () {
  this.timeout(soak ? 600_000 : 120_000);
  const broker = useBroker();

  async function append(topic: string, partition: number, batches: readonly Buffer[]): Promise<void> {
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, partition));
    for (const batch of batches) {
      const answer = await connection.request(Produce, 8, produceOf(topic, batch, { partition }), 60_000);
      assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
    }
    connection.close();
  }
  const batchOf = (bytes: number): Buffer => {
    const record: WireRecord = { ...wireRecord("x"), value: VALUE };
    return encodeBatch(new Array<WireRecord>(Math.ceil(bytes / VALUE.length)).fill(record), undefined, gzip);
  };
  const sinkOf = (url: string, topics: string[]) => ({
    ...{ type: "webhook", url, topics, from: "earliest", allowAddresses: ["127.0.0.1/32"] },
  });

  it(`${PARTITIONS} partitions of gzip batches of ${UNPACKED / MEGABYTE} MB raise resident memory by less than 64 MB + 100 MB`, async () => {
    const topic = await broker.topic({ partitions: PARTITIONS });
    const receiver = await startReceiver();
    // One receiver takes part of the records, the other one takes none.
    receiver.script = ({ path }) => (path === "/stalls" ? "stall" : { status: 200, afterMs: 5 });
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true },
      sinks: { slow: sinkOf(receiver.url, [topic]), stalls: sinkOf(`${receiver.url}/stalls`, [topic]) },
    });
    await until(async () => (await sinkState(gateway)).partitions.length === PARTITIONS, 30_000);
    await delay(1000);
    const base = rss(gateway.child.pid);
    const mostRss = watchRss(gateway);
    const batches = new Array<Buffer>(BATCHES).fill(batchOf(UNPACKED));
    for (let partition = 0; partition < PARTITIONS; partition++) await append(topic, partition, batches);
    const endsAt = Date.now() + (soak ? 60_000 : 8000);
    const before = receiver.taken.length;
    while (Date.now() < endsAt) await delay(200);
    const partitionsTaken = new Set(
      receiver.taken.map(({ headers }) => String(headers["webhook-id"]).replace(/-\d+$/, "")),
    );
    const most = (mostRss() - base) / MEGABYTE;
    console.log(
      `      base ${(base / MEGABYTE).toFixed(0)} MB, at most ${most.toFixed(0)} MB more; ${receiver.taken.length} records delivered`,
    );
    assert.ok(most < 64 + 100, `${most.toFixed(0)} MB above the base`);
    assert.ok(receiver.taken.length > before);
    assert.equal(partitionsTaken.size, PARTITIONS, "every partition makes progress");
  });

  it("a batch that is larger than kafka.maxUnpackedBatch when decompressed is reported, and does not block other partitions", async () => {
    const [topic, other] = [
      await broker.topic({ config: { "max.message.bytes": "20000000" } }),
      await broker.topic(),
    ];
    const receiver = await startReceiver();
    const limits = soak ? {} : { maxUnpackedBatch: "32MB" };
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true, ...limits },
      sinks: { out: sinkOf(receiver.url, [topic, other]) },
    });
    await until(async () => (await sinkState(gateway)).partitions.length === 2, 30_000);
    const base = rss(gateway.child.pid);
    const mostRss = watchRss(gateway);
    await append(topic, 0, [batchOf((soak ? 600 : 60) * MEGABYTE)]);
    await until(async () => (await sinkState(gateway)).state === "blocked", 30_000);
    assert.match(
      (await sinkState(gateway)).lastError.message,
      /\/0 can't be read at offset 0: .*maxUnpackedBatch/,
    );
    await post(gateway, `/topics/${other}`, "application/json", "{}");
    await until(() => receiver.taken.length === 1);
    assert.ok((mostRss() - base) / MEGABYTE < 100);
  });
});
