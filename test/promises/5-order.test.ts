// Promise 5: records keep the order in which a client sent them, per partition.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { openLines } from "../support/lines.ts";
import { readPartition, readTopic } from "../support/read-back.ts";
import { postEnvelope, verifyReceipts } from "../support/receipts.ts";

describe("promise 5: order", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("K5: 200 concurrent posts of one key keep the order of each client", async () => {
    const topic = await broker.topic({ partitions: 3 });
    await Promise.all(
      Array.from({ length: 20 }, async (_, client) => {
        for (let n = 0; n < 10; n++)
          assert.equal(
            (await post(gateway(), `/topics/${topic}?key=k`, undefined, `${client}:${n}`)).status,
            200,
          );
      }),
    );
    const log = (await readTopic(broker.addresses(), topic, 3))
      .flat()
      .map(({ value }) => value?.toString() ?? "");
    for (let client = 0; client < 20; client++) {
      const order = log.filter((value) => value.startsWith(`${client}:`));
      assert.deepEqual(
        order,
        Array.from({ length: 10 }, (_, n) => `${client}:${n}`),
      );
    }
  });

  it("records of one request keep their order per partition, over many batches", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const records = Array.from({ length: 3000 }, (_, n) => ({
      partition: n % 2,
      value: `${n}-${"x".repeat(1000)}`,
    }));
    const { body } = await postEnvelope(gateway(), topic, records);
    await verifyReceipts(
      broker.addresses(),
      topic,
      2,
      records.map((record, n) => [record, body.offsets[n]] as const),
    );
    for (const log of await readTopic(broker.addresses(), topic, 2)) {
      const order = log.map(({ value }) => Number.parseInt(value?.toString() ?? "", 10));
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
      );
    }
  });

  it("40,000 lines of many keys keep their order in every partition", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const own = await startTestGateway(broker.addresses(), { http: { maxBody: "1MB", budget: "8MB" } });
    const exchange = openLines(own, `/topics/${topic}`);
    const COUNT = 40_000;
    const sent = (async () => {
      for (let n = 0; n < COUNT; n += 100)
        await exchange.write(Array.from({ length: 100 }, (_, i) => `${n + i}\n`).join(""));
      exchange.end();
    })();
    for (let n = 0; n < COUNT; n++) assert.ok((await exchange.next()).offset >= 0);
    await sent;
    const partitions = await Promise.all(
      [0, 1, 2, 3].map((partition) => readPartition(broker.addresses(), topic, partition)),
    );
    assert.equal(partitions.flat().length, COUNT);
    for (const records of partitions) {
      const numbers = records.map(({ value }) => Number(value));
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
      );
    }
  });
});
