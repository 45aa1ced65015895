// Each row of the table of outcomes, through HTTP, with a broker that answers so on purpose. What is claimed is
// always compared with what is in the log.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { DevBroker } from "../../src/dev-broker/broker.ts";
import type { ProducedBatch, ProduceFault } from "../../src/dev-broker/faults.ts";
import { readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { onApacheKafka, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { post, V2_JSON } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";
import { until } from "../support/until.ts";

const PRODUCE = 0;

(onApacheKafka ? describe.skip : describe)("no false acknowledgement: the table of outcomes", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { deadline: "700ms" }, kafka: { requestTimeout: "200ms" } }),
  );
  let topic: string;
  beforeEach(async () => {
    topic = await broker.topic();
  });
  afterEach(() => broker.dev().faults.clear());

  /** The first `times` batches meet this fault. */
  function fault(
    what: ProduceFault | ((batch: ProducedBatch) => ProduceFault | undefined),
    times = Number.POSITIVE_INFINITY,
  ): void {
    let left = times;
    broker.dev().faults.produce = (batch) =>
      left-- > 0 ? (typeof what === "function" ? what(batch) : what) : undefined;
  }
  const put = (value: string) => post(gateway(), `/topics/${topic}`, "text/plain", value);
  const stored = async (): Promise<string[]> =>
    (await readPartition(broker.addresses(), topic)).map(({ value }) => value?.toString() ?? "");
  const valuesOf = (batch: ProducedBatch): string[] =>
    [...readBatches(batch.bytes)].flatMap((each) =>
      readRecords(each).map(({ value }) => value?.toString() ?? ""),
    );

  for (const errorCode of [7, 20, 56]) {
    it(`${errorCode} after the append: the same bytes settle it at the first offset, written once`, async () => {
      fault({ append: true, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
    it(`${errorCode} without the append: written by the next try, once`, async () => {
      fault({ append: false, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
    it(`${errorCode} until the deadline: 504, and the next record is not taken for a duplicate`, async () => {
      fault({ append: true, errorCode });
      const first = await put("a");
      assert.deepEqual([first.status, first.body.error_code], [504, 50401]);
      broker.dev().faults.clear();
      const second = await put("b");
      assert.equal(second.status, 200);
      assert.equal((await stored())[second.body.offset], "b");
    });
  }

  it("the bytes of an open batch stay what they were, however much is sent meanwhile", async () => {
    const other = await broker.topic();
    const [large, noise] = ["a".repeat(20_000), "b".repeat(18_000)];
    const tries: Buffer[] = [];
    broker.dev().faults.produce = (batch) => {
      if (batch.topic !== topic) return undefined;
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
    it(`${errorCode} with a base offset: open, settled by the same bytes`, async () => {
      fault({ append: true, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
    it(`${errorCode} with a base offset until the deadline: 504, and the next record is written`, async () => {
      fault({ append: true, errorCode });
      assert.equal((await put("a")).status, 504);
      broker.dev().faults.clear();
      const second = await put("b");
      assert.equal((await stored())[second.body.offset], "b");
    });
  }

  for (const errorCode of [2, 3, 5, 6, 9, 19]) {
    it(`${errorCode} without a base offset: tried again and written once`, async () => {
      fault({ append: false, errorCode }, 2);
      assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
    });
    it(`${errorCode} until the deadline: 503 with Retry-After, and not in the log`, async () => {
      fault({ append: false, errorCode });
      const { status, body, headers } = await put("a");
      assert.deepEqual([status, body.error_code], [503, errorCode === 19 ? 50302 : 50301]);
      assert.ok(Number(headers.get("retry-after")) >= 1);
      if (errorCode === 19) assert.match(body.detail, /min\.insync\.replicas/);
      assert.deepEqual(await stored(), []);
    });
    it(`${errorCode} after an open try: 504 at the deadline`, async () => {
      let tries = 0;
      fault(() => (tries++ === 0 ? { append: true, errorCode: 7 } : { append: false, errorCode }));
      assert.equal((await put("a")).status, 504);
    });
  }

  for (const errorCode of [-1, 999]) {
    it(`${errorCode}: 504 at once, and the next record is written at an offset of its own`, async () => {
      fault({ append: true, errorCode }, 1);
      const started = Date.now();
      assert.equal((await put("a")).status, 504);
      assert.ok(Date.now() - started < 600);
      const second = await put("b");
      assert.equal((await stored())[second.body.offset], "b");
    });
  }

  for (const errorCode of [10, 18]) {
    it(`${errorCode} for a record alone: 413, and not in the log`, async () => {
      fault({ append: false, errorCode });
      const { status, body } = await put("a");
      assert.deepEqual([status, body.error_code, await stored()], [413, 41301, []]);
    });
    it(`${errorCode} for a batch: split until the guilty record stands alone`, async () => {
      fault((batch) => (valuesOf(batch).includes('"big"') ? { append: false, errorCode } : undefined));
      const records = ["a", "b", "big", "c"].map((value) => ({ value }));
      const { status, body } = await post(
        gateway(),
        `/topics/${topic}`,
        V2_JSON,
        JSON.stringify({ records }),
      );
      assert.equal(status, 200);
      assert.deepEqual(
        body.offsets.map((each: { error_code: number | null }) => each.error_code),
        [null, null, 41301, null],
      );
      assert.deepEqual(await stored(), ['"a"', '"b"', '"c"']);
    });
  }

  for (const errorCode of [32, 87]) {
    it(`${errorCode} with a list: those records fail, the rest is written`, async () => {
      fault({ append: false, errorCode, recordErrors: [1] }, 1);
      const records = ["a", "bad", "c"].map((value) => ({ value }));
      const { status, body } = await post(
        gateway(),
        `/topics/${topic}`,
        V2_JSON,
        JSON.stringify({ records }),
      );
      assert.equal(status, 200);
      assert.deepEqual(
        body.offsets.map((each: { error_code: number | null }) => each.error_code),
        [null, 40001, null],
      );
      assert.deepEqual(await stored(), ['"a"', '"c"']);
    });
  }

  for (const errorCode of [32, 44, 87]) {
    it(`${errorCode} without a list: one request's record does not fail another's`, async () => {
      fault((batch) =>
        valuesOf(batch).includes("bad") ? { append: false, errorCode, errorMessage: "no" } : undefined,
      );
      const answers = await Promise.all(["a", "bad", "b", "c"].map(put));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 400, 200, 200],
      );
      assert.equal(answers[1]?.body.error_code, 40001);
      assert.deepEqual((await stored()).sort(), ["a", "b", "c"]);
    });
  }

  for (const errorCode of [29, 31, 53]) {
    it(`${errorCode}: 403 that names the missing ACL`, async () => {
      fault({ append: false, errorCode });
      const { status, body } = await put("a");
      assert.deepEqual([status, body.error_code, await stored()], [403, 40301, []]);
      assert.match(body.detail, errorCode === 31 ? /IdempotentWrite/ : /"Write" on topic/);
    });
  }

  for (const errorCode of [42, 43, 76]) {
    it(`${errorCode}: 500 with the broker's reason`, async () => {
      fault({ append: false, errorCode, errorMessage: "because of the moon" });
      const { status, body } = await put("a");
      assert.deepEqual([status, body.error_code, await stored()], [500, 50001, []]);
      assert.match(body.detail, /because of the moon/);
    });
  }

  for (const errorCode of [45, 47, 59]) {
    it(`${errorCode} for a batch that was not open: the next epoch, and written`, async () => {
      assert.equal((await put("before")).status, 200);
      fault({ append: false, errorCode }, 1);
      assert.deepEqual([(await put("a")).status, await stored()], [200, ["before", "a"]]);
    });
    it(`${errorCode} for an open batch: 504, and the next record is written`, async () => {
      let tries = 0;
      fault(() => (tries++ === 0 ? { append: true, errorCode: 7 } : { append: false, errorCode }), 2);
      assert.equal((await put("a")).status, 504);
      const next = await put("b");
      assert.deepEqual([next.status, (await stored())[next.body.offset]], [200, "b"]);
    });
  }

  it("46 after a retry of the same batch: written at the offset named", async () => {
    let tries = 0;
    fault(
      () =>
        tries++ === 0 ? { append: true, errorCode: 7 } : { append: false, errorCode: 46, baseOffset: 0 },
      2,
    );
    assert.deepEqual([(await put("a")).body.offset, await stored()], [0, ["a"]]);
  });

  it("46 out of the blue: 504", async () => {
    fault({ append: false, errorCode: 46, baseOffset: 0 });
    assert.equal((await put("a")).status, 504);
  });

  it("an open batch is never split, renumbered or mixed with others: the same bytes each time", async () => {
    const seen = new Set<string>();
    let tries = 0;
    fault((batch) => {
      if (valuesOf(batch).includes("a")) seen.add(batch.bytes.toString("hex"));
      return tries++ < 3 ? { append: true, errorCode: 7 } : undefined;
    });
    const first = put("a");
    await delay(5);
    const [a, b] = await Promise.all([first, put("b")]);
    assert.deepEqual([a.status, b.status, seen.size, await stored()], [200, 200, 1, ["a", "b"]]);
  });

  it("many first posts at once open one connection to produce on (kafkajs K16: one each)", async () => {
    const fresh = new DevBroker();
    await fresh.start();
    fresh.createTopic("t");
    const own = await startTestGateway([fresh.address]);
    await until(() => fresh.connections === 1);
    await Promise.all(Array.from({ length: 50 }, () => post(own, "/topics/t", "text/plain", "x")));
    assert.equal(fresh.connections, 2);
    await own.stop();
    await fresh.stop();
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

  it("a response cut at every byte: written once, at the offset of the receipt", async () => {
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

  it("an answer that never comes: 504 by the deadline; the late batch is fenced off", async () => {
    broker.dev().faults.response = (key) => (key === PRODUCE ? { kind: "stall" } : undefined);
    const started = Date.now();
    assert.equal((await put("a")).status, 504);
    assert.ok(Date.now() - started < 1500);
    broker.dev().faults.clear();
    const next = await put("b");
    assert.deepEqual([next.status, (await stored())[next.body.offset]], [200, "b"]);
  });
});
