// Promise 2: 4xx and 503 mean not written, 504 means unknown, for requests and for single records.

import { strict as assert } from "node:assert";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { post, V2_JSON } from "../support/http.ts";
import { PRODUCE, useProduceFaults, valuesOf } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { postEnvelope } from "../support/receipts.ts";
import { bound } from "../support/soak.ts";

// Each row of the table of outcomes (docs/adr/0003) that ends in an error. The error is compared with the log.
describeOnDevBroker("promise 2: an error says what is known, whatever Produce answers", () => {
  const { broker, gateway, topic, fault, put, stored } = useProduceFaults();
  /** Puts values in one envelope, which is answered 200. @returns the error code of each */
  const putTogether = async (...values: string[]): Promise<(number | null)[]> => {
    const records = values.map((value) => ({ value }));
    const { status, body } = await post(
      gateway(),
      `/topics/${topic()}`,
      V2_JSON,
      JSON.stringify({ records }),
    );
    assert.equal(status, 200);
    return body.offsets.map((each: { error_code: number | null }) => each.error_code);
  };

  for (const errorCode of [7, 20, 56]) {
    it(`${errorCode} until the deadline is answered 504, and the next record does not count as a duplicate`, async () => {
      fault({ append: true, errorCode });
      const first = await put("a");
      assert.deepEqual([first.status, first.body.error_code], [504, 50401]);
      broker.dev().faults.clear();
      const second = await put("b");
      assert.equal(second.status, 200);
      assert.equal((await stored())[second.body.offset], "b");
    });
  }

  for (const errorCode of [3, 6]) {
    it(`${errorCode} with a base offset until the deadline is answered 504, and the next record is written`, async () => {
      fault({ append: true, errorCode });
      assert.equal((await put("a")).status, 504);
      broker.dev().faults.clear();
      const second = await put("b");
      assert.equal((await stored())[second.body.offset], "b");
    });
  }

  for (const errorCode of [2, 3, 5, 6, 9, 19]) {
    it(`${errorCode} until the deadline is answered 503 with Retry-After, and nothing is in the log`, async () => {
      fault({ append: false, errorCode });
      const { status, body, headers } = await put("a");
      assert.deepEqual([status, body.error_code], [503, errorCode === 19 ? 50302 : 50301]);
      assert.ok(Number(headers.get("retry-after")) >= 1);
      if (errorCode === 19) assert.match(body.detail, /min\.insync\.replicas/);
      assert.deepEqual(await stored(), []);
    });
    it(`${errorCode} after an open attempt is answered 504 at the deadline`, async () => {
      let tries = 0;
      fault(() => (tries++ === 0 ? { append: true, errorCode: 7 } : { append: false, errorCode }));
      assert.equal((await put("a")).status, 504);
    });
  }

  for (const errorCode of [-1, 999]) {
    it(`${errorCode} is answered 504 at once, and the next record is written at an offset of its own`, async () => {
      fault({ append: true, errorCode }, 1);
      const patient = await startTestGateway(broker.addresses(), { http: { deadline: "7s" } });
      const send = (value: string) => post(patient, `/topics/${topic()}`, "text/plain", value);
      const started = Date.now();
      assert.equal((await send("a")).status, 504);
      assert.ok(Date.now() - started < bound(600));
      const second = await send("b");
      assert.equal((await stored())[second.body.offset], "b");
    });
  }

  for (const errorCode of [10, 18]) {
    it(`${errorCode} for a single record is answered 413, and nothing is in the log`, async () => {
      fault({ append: false, errorCode });
      const { status, body } = await put("a");
      assert.deepEqual([status, body.error_code, await stored()], [413, 41301, []]);
    });
    it(`${errorCode} for a batch splits it until the invalid record is alone`, async () => {
      fault((batch) => (valuesOf(batch).includes('"big"') ? { append: false, errorCode } : undefined));
      assert.deepEqual(await putTogether("a", "b", "big", "c"), [null, null, 41301, null]);
      assert.deepEqual(await stored(), ['"a"', '"b"', '"c"']);
    });
  }

  for (const errorCode of [32, 87]) {
    it(`${errorCode} with a list fails those records, and the rest is written`, async () => {
      fault({ append: false, errorCode, recordErrors: [1] }, 1);
      assert.deepEqual(await putTogether("a", "bad", "c"), [null, 40001, null]);
      assert.deepEqual(await stored(), ['"a"', '"c"']);
    });
  }

  for (const errorCode of [32, 44, 87]) {
    it(`${errorCode} without a list fails no other request's record`, async () => {
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
    it(`${errorCode} is answered 403, and the missing ACL is named`, async () => {
      fault({ append: false, errorCode });
      const { status, body } = await put("a");
      assert.deepEqual([status, body.error_code, await stored()], [403, 40301, []]);
      assert.match(body.detail, errorCode === 31 ? /IdempotentWrite/ : /"Write" on topic/);
    });
  }

  for (const errorCode of [42, 43, 76]) {
    it(`${errorCode} is answered 500 with the broker's reason`, async () => {
      fault({ append: false, errorCode, errorMessage: "because of the moon" });
      const { status, body } = await put("a");
      assert.deepEqual([status, body.error_code, await stored()], [500, 50001, []]);
      assert.match(body.detail, /because of the moon/);
    });
  }

  for (const errorCode of [45, 47, 59]) {
    it(`${errorCode} for an open batch is answered 504, and the next record is written`, async () => {
      let tries = 0;
      fault(() => (tries++ === 0 ? { append: true, errorCode: 7 } : { append: false, errorCode }), 2);
      assert.equal((await put("a")).status, 504);
      const next = await put("b");
      assert.deepEqual([next.status, (await stored())[next.body.offset]], [200, "b"]);
    });
  }

  it("46 for a first attempt is answered 504", async () => {
    fault({ append: false, errorCode: 46, baseOffset: 0 });
    assert.equal((await put("a")).status, 504);
  });

  it("a missing answer causes 504 at the deadline, and a late batch is fenced", async () => {
    broker.dev().faults.response = (key) => (key === PRODUCE ? { kind: "stall" } : undefined);
    const started = Date.now();
    assert.equal((await put("a")).status, 504);
    assert.ok(Date.now() - started < bound(1500));
    broker.dev().faults.clear();
    const next = await put("b");
    assert.deepEqual([next.status, (await stored())[next.body.offset]], [200, "b"]);
  });
});

describe("promise 2: an error says what is known, before the append", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("K6: a partition that does not exist is answered 404, and nothing of the request is written", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const { status, body } = await postEnvelope(gateway(), topic, [
      { partition: 0, value: "a" },
      { partition: 7, value: "b" },
    ]);
    assert.deepEqual(
      [status, body.error_code, body.errors.map((each: { index: number }) => each.index)],
      [404, 40402, [1]],
    );
    assert.deepEqual(await readPartition(broker.addresses(), topic, 0), []);
  });

  it("one client's timestamp from the future does not fail another's record", async () => {
    const topic = await broker.topic();
    const later = Date.now() + 7_200_000;
    const answers = await Promise.all([
      post(gateway(), `/topics/${topic}?timestamp=${later}`, undefined, "bad"),
      ...["a", "b", "c"].map((value) => post(gateway(), `/topics/${topic}`, undefined, value)),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 200, 200, 200],
    );
    assert.deepEqual(
      (await readPartition(broker.addresses(), topic)).map(({ value }) => value?.toString()).sort(),
      ["a", "b", "c"],
    );
  });

  it("a record without a key on a compacted topic is refused by index", async () => {
    const topic = await broker.topic({ config: { "cleanup.policy": "compact" } });
    const { status, body } = await post(
      gateway(),
      `/topics/${topic}`,
      V2_JSON,
      JSON.stringify({ records: [{ key: "k", value: 1 }, { value: 2 }] }),
    );
    assert.deepEqual([status, body.error_code, body.errors[0].index], [400, 40001, 1]);
  });
});
