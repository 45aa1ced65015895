// The memory of the development broker: a limit for all topics together, and compaction.

import { strict as assert } from "node:assert";
import v8 from "node:v8";
import vm from "node:vm";
import { DevBroker } from "../../src/dev-broker/broker.ts";
import type { Connection } from "../../src/kafka/client/connection.ts";
import { ListOffsets } from "../../src/wire/messages/offsets.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { listOffsetsOf, openConnection, produceOf } from "../support/broker.ts";
import { readPartition } from "../support/read-back.ts";
import { until } from "../support/until.ts";

describe("dev broker: retention", () => {
  const broker = new DevBroker({ retentionBytes: 1_000_000 });
  let connection: Connection;
  before(async () => {
    await broker.start();
    connection = await openConnection(broker.address);
    broker.createTopic("logs");
    broker.createTopic("state", 1, { "cleanup.policy": "compact" });
  });
  after(async () => {
    connection.close();
    await broker.stop();
  });
  async function produce(name: string, key: string | null, value: Buffer): Promise<void> {
    const records = encodeBatch([
      { key: key === null ? null : Buffer.from(key), value, headers: [], timestamp: Date.now() },
    ]);
    const answer = await connection.request(Produce, 8, produceOf(name, records), 5000);
    assert.equal(answer.topics[0]?.partitions[0]?.errorCode, 0);
  }

  /** Bytes of buffers that are still referenced. */
  function held(): number {
    v8.setFlagsFromString("--expose-gc");
    (vm.runInNewContext("gc") as () => void)();
    return process.memoryUsage().external;
  }

  it("deletes the oldest records above the limit, and releases their memory", async () => {
    const before = held();
    for (let n = 0; n < 600; n++) await produce("logs", null, Buffer.alloc(100_000, n));
    const earliest = await connection.request(ListOffsets, 5, listOffsetsOf("logs", -2), 1000);
    const start = earliest.topics[0]?.partitions[0]?.offset ?? 0;
    assert.ok(start >= 590 && start < 600);
    assert.equal((await readPartition([broker.address], "logs", 0, start)).length, 600 - start);
    // Buffers are collected concurrently.
    await until(() => held() - before < 10_000_000);
  });

  it("compacts a topic with cleanup.policy=compact: the last record of each key stays, at its offset", async () => {
    for (let n = 0; n < 300; n++) await produce("state", `k${n % 3}`, Buffer.alloc(10_000, n));
    const records = await readPartition([broker.address], "state");
    assert.ok(records.length < 150);
    assert.deepEqual(
      records.slice(-3).map(({ offset, key }) => [offset, key?.toString()]),
      [
        [297, "k0"],
        [298, "k1"],
        [299, "k2"],
      ],
    );
  });
});
