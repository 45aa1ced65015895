// Promise 1: a 2xx means that the record is written, at the offset in the receipt.

import { strict as assert } from "node:assert";
import { describeOnDevBroker, itOnDevBroker, startDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { PRODUCE, useProduceFaults, valuesOf } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { type Outcome, postEnvelope, type Sent, verifyReceipts } from "../support/receipts.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

// Each row of the table of outcomes (docs/adr/0003) after which the record is written. The receipt is compared with
// the log.
describeOnDevBroker("promise 1: a receipt means written, whatever Produce answers", () => {
  const { broker, gateway, topic, fault, put, stored } = useProduceFaults();

  for (const errorCode of [7, 20, 56]) {
    it(`${errorCode} after the append: the same bytes settle the batch at the first offset, and it is written once`, async () => {
      fault({ append: true, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
    it(`${errorCode} without the append: the next attempt writes the batch, once`, async () => {
      fault({ append: false, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
  }

  it("the bytes of an open batch stay the same, however much is sent meanwhile", async () => {
    const other = await broker.topic();
    const [large, noise] = ["a".repeat(20_000), "b".repeat(18_000)];
    const tries: Buffer[] = [];
    broker.dev().faults.produce = (batch) => {
      if (batch.topic !== topic()) return undefined;
      tries.push(Buffer.from(batch.bytes));
      return tries.length < 4 ? { append: false, errorCode: 7 } : undefined;
    };
    const open = put(large);
    await until(() => tries.length > 0);
    while (tries.length < 4)
      assert.equal((await post(gateway(), `/topics/${other}`, "text/plain", noise)).status, 200);
    assert.deepEqual([(await open).body.offset, await stored()], [0, [large]]);
    for (const bytes of tries) assert.deepEqual(bytes, tries[0]);
  });

  for (const errorCode of [3, 6]) {
    it(`${errorCode} with a base offset: the batch is open, and the same bytes settle it`, async () => {
      fault({ append: true, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
  }

  for (const errorCode of [2, 3, 5, 6, 9, 19]) {
    it(`${errorCode} without a base offset: the batch is sent again and written once`, async () => {
      fault({ append: false, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
  }

  for (const errorCode of [45, 47, 59]) {
    it(`${errorCode} for a batch that is not open: it is written in the next epoch`, async () => {
      assert.equal((await put("before")).status, 200);
      fault({ append: false, errorCode }, 1);
      assert.deepEqual([(await put("a")).status, await stored()], [200, ["before", "a"]]);
    });
  }

  it("46 after a retry of the same batch: it is written at the offset that the broker names", async () => {
    let tries = 0;
    fault(
      () =>
        tries++ === 0 ? { append: true, errorCode: 7 } : { append: false, errorCode: 46, baseOffset: 0 },
      2,
    );
    assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
  });

  it("an open batch is not split, renumbered or mixed with others: its bytes do not change", async () => {
    const seen = new Set<string>();
    let tries = 0;
    fault((batch) => {
      if (valuesOf(batch).includes("a")) seen.add(batch.bytes.toString("hex"));
      return tries++ < 3 ? { append: true, errorCode: 7 } : undefined;
    });
    const first = put("a");
    await until(() => seen.size > 0);
    const [a, b] = await Promise.all([first, put("b")]);
    assert.deepEqual([a.status, b.status, seen.size, await stored()], [200, 200, 1, ["a", "b"]]);
  });

  it("a response cut at any byte: the record is written once, at the offset of the receipt", async () => {
    const length = await new Promise<number>((resolve) => {
      broker.dev().faults.response = (key, frame) => {
        if (key === PRODUCE) resolve(frame.length);
        return undefined;
      };
      void put("measure");
    });
    for (let afterBytes = 0; afterBytes < length; afterBytes++) {
      let cut = false;
      broker.dev().faults.response = (key) => {
        if (key !== PRODUCE || cut) return undefined;
        cut = true;
        return { kind: "cut", afterBytes };
      };
      const { status, body } = await put(`cut-${afterBytes}`);
      assert.deepEqual([status, (await stored())[body.offset]], [200, `cut-${afterBytes}`]);
    }
    const all = await stored();
    assert.equal(new Set(all).size, all.length);
  });

  it("many first posts at once open one connection for Produce (K16: kafkajs one per post)", async () => {
    const fresh = await startDevBroker();
    fresh.createTopic("t");
    const own = await startTestGateway([fresh.address]);
    await until(() => fresh.connections === 1);
    await Promise.all(Array.from({ length: 50 }, () => post(own, "/topics/t", "text/plain", "x")));
    assert.equal(fresh.connections, 2);
  });

  it("a throttled lane waits as long as the broker says", async () => {
    await put("a");
    broker.dev().faults.throttleMs = 300;
    await put("b");
    broker.dev().faults.clear();
    const started = Date.now();
    assert.equal((await put("c")).status, 200);
    assert.ok(Date.now() - started > 200);
  });
});

// The faults of kafkajs's producer, tested through HTTP, on the development broker and on Apache Kafka. The
// numbers K1 to K17 identify the faults in these tests; docs/adr/0003 describes the worst ones.
describe("promise 1: a receipt means written, where kafkajs's producer fails", function () {
  this.timeout(soak ? 300_000 : 60_000);
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("K1: every receipt of 1,000 envelopes, half of them with a too large record, reads back", async () => {
    const topic = await broker.topic({ partitions: 2, config: { "max.message.bytes": "20000" } });
    const receipts: [Sent, Outcome][] = [];
    for (let round = 0; round < 1000; round += 10) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, lane) => {
          const big = Math.random() < 0.5;
          const sent: Sent[] = [
            { partition: 0, value: `small-${round}-${lane}` },
            { partition: 1, value: big ? "x".repeat(30_000) : `other-${round}-${lane}` },
          ];
          const { status, body } = await postEnvelope(gateway(), topic, sent);
          if (big) assert.deepEqual([status, body.error_code, body.errors[0].index], [413, 41301, 1]);
          else sent.forEach((record, n) => void receipts.push([record, body.offsets[n]]));
        }),
      );
    }
    await verifyReceipts(broker.addresses(), topic, 2, receipts);
    const count = (await readPartition(broker.addresses(), topic, 0)).length;
    assert.equal(count, receipts.length / 2, "no record of a refused request is in the log");
  });

  itOnDevBroker(
    "K1, K3: when the broker refuses one partition of a request, the other's receipt holds, and so do later ones",
    async () => {
      const topic = await broker.topic({ partitions: 2 });
      const receipts: [Sent, Outcome][] = [];
      broker.dev().faults.produce = ({ partition }) =>
        partition === 1 && Math.random() < 0.3 ? { append: false, errorCode: 10 } : undefined;
      for (let n = 0; n < 200; n++) {
        const sent = [
          { partition: 0, value: `a${n}` },
          { partition: 1, value: `b${n}` },
        ];
        const { status, body } = await postEnvelope(gateway(), topic, sent);
        assert.equal(status, 200);
        sent.forEach((record, at) => void receipts.push([record, body.offsets[at]]));
      }
      broker.dev().faults.clear();
      await verifyReceipts(broker.addresses(), topic, 2, receipts);
      assert.equal((await readPartition(broker.addresses(), topic, 0)).length, 200);
    },
  );
});
