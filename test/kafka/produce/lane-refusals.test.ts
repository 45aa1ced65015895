// A lane whose broker refuses records, and a lane that is isolated.

import { strict as assert } from "node:assert";
import { BatchEncoder } from "../../../src/wire/record-batch.ts";
import { startLane } from "../../support/lane.ts";
import { codesOf as codes, messageOf as message } from "../../support/segments.ts";

describe("kafka: lane, refused", () => {
  for (const code of [29, 31, 53])
    it(`${code}: 40301, and the next batch is sent in the same epoch at the same sequence`, () => {
      const { lane, push, send, answer } = startLane();
      const request = push(["a"]);
      send();
      answer(code);
      assert.deepEqual([codes(request), lane.idle, lane.bytes], [[40301], true, 0]);
      push(["b"]);
      const next = send();
      assert.deepEqual([next?.epoch, next?.sequence], [0, 0]);
    });

  for (const code of [42, 43, 76])
    it(`${code}: 50001 with the broker's reason`, () => {
      const { push, send, answer } = startLane();
      const request = push(["a"]);
      send();
      answer(code, { errorMessage: "not today" });
      assert.deepEqual(codes(request), [50001]);
      assert.match(message(request), new RegExp(`: ${code} [A-Z_]+ \\(not today\\)\\. Nothing was written`));
    });

  for (const code of [10, 18])
    it(`${code} for one record: 41301 with the broker's reason`, () => {
      const { push, send, answer } = startLane();
      const request = push(["a"]);
      send();
      answer(code);
      assert.deepEqual(codes(request), [41301]);
      assert.match(message(request), new RegExp(`\\(${code} [A-Z_]+\\)`));
    });

  it("10 for several records: they are sent in batches of half the size, down to one record", () => {
    const { push, send, answer } = startLane();
    const request = push(["a", "b", "c", "d"]);
    assert.equal(send()?.values.length, 4);
    answer(10);
    assert.deepEqual(send()?.values, ["a"]);
    answer(0, { baseOffset: 5 });
    assert.deepEqual([request.receipts.offsets, codes(request)], [[5, -1, -1, -1], undefined]);
  });

  it("10 for one record of several: that one fails alone", () => {
    const { push, send, answer } = startLane();
    const request = push(["a", "b"]);
    send();
    answer(10);
    assert.deepEqual(send()?.values, ["a"]);
    answer(10);
    assert.deepEqual(send()?.values, ["b"]);
    answer(0);
    assert.deepEqual(
      [codes(request), request.receipts.offsets],
      [
        [41301, undefined],
        [-1, 50],
      ],
    );
  });

  it("10: the batch limit grows again after each written batch", () => {
    const { push, send, answer } = startLane();
    push(Array.from({ length: 40 }, () => "a"));
    send();
    answer(10);
    const sizes: number[] = [];
    for (let batch = send(); batch; batch = send()) {
      sizes.push(batch.values.length);
      answer(0);
    }
    const [first = 0, second = 0] = sizes;
    assert.ok(first > 10 && first < 20, `${first}`);
    assert.ok(second > first && second < 40, `${second}`);
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      40,
    );
  });

  it("87 that names records: they fail with their reasons, and the others are sent again", () => {
    const { lane, push, send, answer } = startLane();
    const [first, second] = [push(["a", "b"]), push(["c"])];
    send();
    const recordErrors = [
      { batchIndex: 1, message: "no key" },
      { batchIndex: 2, message: null },
    ];
    answer(87, { recordErrors, errorMessage: "see there" });
    assert.deepEqual([codes(first), codes(second)], [[undefined, 40001], [40001]]);
    assert.match(message(first, 1), /: no key\. Correct/);
    assert.match(message(second), /: 87 INVALID_RECORD \(see there\)\. Correct/);
    assert.deepEqual(send()?.values, ["a"]);
    answer(0);
    assert.deepEqual([first.receipts.offsets, first.answers, lane.idle, lane.bytes], [[50, -1], 1, true, 0]);
  });

  it("87 that names no record: the requests in the batch are sent one by one, and the bad one fails", () => {
    const { push, send, answer } = startLane();
    const [first, second] = [push(["a", "b"]), push(["c"])];
    send();
    answer(87, { recordErrors: [{ batchIndex: 3, message: "whose?" }] });
    assert.deepEqual(send()?.values, ["a", "b"]);
    answer(87);
    assert.deepEqual(codes(first), [40001, 40001]);
    assert.deepEqual(send()?.values, ["c"]);
    answer(0);
    assert.deepEqual([codes(second), second.receipts.offsets], [undefined, [50]]);
  });

  it("44: a refusal by a policy applies to all records, whichever it names", () => {
    const { push, send, answer } = startLane();
    const request = push(["a", "b"]);
    send();
    answer(44, { recordErrors: [{ batchIndex: 0, message: "policy" }] });
    assert.deepEqual(codes(request), [40001, 40001]);
  });

  it("after a refusal there is no backoff and no last error", () => {
    const { lane, push, send, answer } = startLane();
    push(["a"]);
    send();
    answer(6);
    send();
    answer(42);
    assert.equal(lane.backingOff, false);
    const next = push(["b"], { deadline: 100 });
    lane.expire(100);
    assert.doesNotMatch(message(next), /Last error/);
  });
});

describe("kafka: lane, isolated", () => {
  for (const code of [7, 19, 20])
    it(`after ${code}, until an answer is in time`, () => {
      const { lane, push, send, answer } = startLane();
      push(["a"]);
      send();
      answer(code);
      assert.equal(lane.isolated, true);
      send();
      answer(0);
      assert.equal(lane.isolated, false);
    });

  it("while its answers are slow", () => {
    const { lane, push, send, answer } = startLane();
    push(["a"]);
    send();
    answer(0, {}, { slow: true });
    assert.equal(lane.isolated, true);
    push(["b"]);
    send();
    answer(6);
    assert.equal(lane.isolated, true);
  });

  it("after a request that timed out, not after a lost connection", () => {
    const { lane, push, send, lose, answer } = startLane();
    push(["a"]);
    send();
    lose();
    assert.equal(lane.isolated, false);
    send();
    lose({ timedOut: true });
    assert.equal(lane.isolated, true);
    answer(0);
    assert.equal(lane.isolated, false);
  });

  it("not after another error code", () => {
    const { lane, push, send, answer } = startLane();
    push(["a"]);
    send();
    answer(6);
    assert.equal(lane.isolated, false);
  });
});

describe("kafka: lane, ready", () => {
  it("if it has records, and is neither reserved nor waiting for an answer", () => {
    const { lane, push, send, answer } = startLane();
    assert.deepEqual([lane.idle, lane.ready(0), lane.open, lane.batchCount], [true, false, false, 0]);
    push(["a", "b"]);
    assert.deepEqual([lane.idle, lane.ready(0)], [false, true]);
    lane.reserved = true;
    assert.equal(lane.ready(0), false);
    lane.reserved = false;
    send();
    push(["c"]);
    assert.deepEqual([lane.ready(0), lane.batchCount], [false, 2]);
    answer(0);
    assert.equal(lane.ready(0), true);
  });

  it("counts the bytes of pending records and of those in flight", () => {
    const { lane, push, send, answer } = startLane();
    push(["a".repeat(1000)]);
    const one = lane.bytes;
    assert.ok(one > 1000);
    send();
    push(["b".repeat(1000)]);
    assert.equal(lane.bytes, 2 * one);
    answer(0);
    assert.equal(lane.bytes, one);
  });

  it("keeps the prepared batch unchanged when more records are queued", () => {
    const { lane, push, send } = startLane();
    push(["a"]);
    const bound = lane.prepare(1_000_000, 0);
    push(["b"]);
    assert.equal(lane.prepare(1_000_000, 0), bound);
    assert.deepEqual(send()?.values, ["a"]);
  });

  it("never fills a batch past the limit that it is given", () => {
    const { push, send, answer } = startLane();
    push(["a".repeat(1000), "b".repeat(1000)]);
    assert.deepEqual(send(1500)?.values, ["a".repeat(1000)]);
    answer(0);
    assert.deepEqual(send(1500)?.values, ["b".repeat(1000)]);
  });

  it("prepares nothing if the queue is empty, and has no current batch to encode or settle", () => {
    const { lane, answer } = startLane();
    assert.equal(lane.prepare(1_000_000, 0), 0);
    assert.throws(
      () => lane.encode(new BatchEncoder(), Buffer.alloc(100), 0),
      /the lane of t\/3 has no current batch/,
    );
    assert.throws(() => answer(0), /the lane of t\/3 has no current batch/);
  });
});
