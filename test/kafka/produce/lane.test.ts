// A lane and the answers of brokers: records that are written, sent again, or given up.

import { strict as assert } from "node:assert";
import { PAUSE, startLane } from "../../support/lane.ts";
import { codesOf as codes, messageOf as message } from "../../support/segments.ts";

describe("kafka: lane, written", () => {
  it("gives receipts with the answer's offsets, and continues at the next sequence", () => {
    const { lane, push, send, answer } = startLane();
    const [first, second] = [push(["a", "b"]), push(["c"])];
    assert.deepEqual(send()?.values, ["a", "b", "c"]);
    answer(0, { baseOffset: 50 });
    assert.deepEqual([first.receipts.offsets, second.receipts.offsets], [[50, 51], [52]]);
    assert.deepEqual(first.receipts.partitions, [3, 3]);
    assert.deepEqual([lane.idle, lane.bytes], [true, 0]);
    push(["d"]);
    assert.equal(send()?.sequence, 3);
  });

  it("gives the append time if the broker sets it", () => {
    const { push, send, answer } = startLane();
    const request = push(["a"]);
    send();
    answer(0, { logAppendTimeMs: 77 });
    assert.deepEqual(request.receipts.timestamps, [77]);
  });

  it("is a duplicate of an earlier try, at the offset that the broker names", () => {
    const { push, send, answer } = startLane();
    const request = push(["a"]);
    send();
    answer(7);
    send();
    answer(46, { baseOffset: 0 });
    assert.deepEqual([request.receipts.offsets, codes(request)], [[0], undefined]);
    push(["b"]);
    assert.equal(send()?.sequence, 1);
  });

  it("is unknown for a duplicate without an offset, or on the first try", () => {
    const first = startLane();
    const request = first.push(["a"]);
    first.send();
    first.answer(46, { baseOffset: 5 });
    const second = startLane();
    const retried = second.push(["a"]);
    second.send();
    second.answer(7);
    second.send();
    second.answer(46, { baseOffset: -1 });
    assert.deepEqual([codes(request), codes(retried)], [[50401], [50401]]);
  });
});

describe("kafka: lane, not written", () => {
  for (const code of [2, 3, 5, 6, 9, 19])
    it(`${code}: the same records are sent again after a pause, before later ones`, () => {
      const { lane, told, push, send, answer } = startLane();
      push(["a"]);
      send();
      push(["b"]);
      answer(code, {}, { now: 5000 });
      assert.deepEqual([lane.ready(5000), lane.backingOff, lane.ready(5000 + PAUSE)], [false, true, true]);
      assert.deepEqual([lane.open, told], [false, [["refresh", "t"]]]);
      const again = send();
      assert.deepEqual([again?.values, again?.epoch, again?.sequence], [["a", "b"], 0, 0]);
      answer(0);
      assert.deepEqual([lane.backingOff, lane.idle], [false, true]);
    });

  for (const code of [45, 59])
    it(`${code}: the same records are sent again in the next epoch, and a loss is reported`, () => {
      const { lane, told, push, send, answer } = startLane();
      const request = push(["a"]);
      send();
      answer(code, {}, { now: 5000 });
      assert.deepEqual([lane.ready(5000), lane.ready(5000 + PAUSE)], [false, true]);
      assert.deepEqual(told, [["reportSuspectedLoss", "t", 3, code]]);
      assert.deepEqual([codes(request), send()?.epoch], [undefined, 1]);
    });

  it("47: the same records are sent again in the next epoch, and no loss is reported", () => {
    const { told, push, send, answer } = startLane();
    push(["a"]);
    send();
    answer(47);
    const again = send();
    assert.deepEqual([again?.values, again?.epoch, told], [["a"], 1, []]);
  });

  it("in the last epoch of a producer id: another id is requested", () => {
    const { lane, told, push, send, answer } = startLane({ epoch: 32767 });
    push(["a"]);
    send();
    answer(47);
    assert.deepEqual([told, lane.identity.producerId], [[["renewProducerId", 7]], undefined]);
  });

  it("stays queued, with its sequence unused, if the request was not sent", () => {
    const { lane, told, push, send, lose } = startLane();
    push(["a"]);
    send();
    lose({ sent: false }, 5000);
    assert.deepEqual(
      [lane.open, lane.ready(5000), lane.isolated, told],
      [false, false, false, [["refresh", "t"]]],
    );
    push(["b"]);
    assert.deepEqual(send()?.values, ["a", "b"]);
  });

  it("backs off without a current batch as well, as when its partition has no leader", () => {
    const { lane, told, push, send, lose } = startLane();
    const request = push(["a"], { deadline: 9000 });
    lose({ sent: false, reason: "the partition has no leader" }, 5000);
    assert.deepEqual([lane.ready(5000), lane.ready(5000 + PAUSE), told], [false, true, [["refresh", "t"]]]);
    lane.expire(9000);
    assert.deepEqual([codes(request), send()], [[50301], undefined]);
    assert.match(message(request), /Last error: the partition has no leader\./);
  });
});

describe("kafka: lane, outcome unknown", () => {
  for (const [code, baseOffset] of [
    [7, -1],
    [20, -1],
    [56, -1],
    [3, 5],
    [6, 5],
  ] as const)
    it(`${code} at ${baseOffset}: the same bytes are sent again, whatever else is queued`, () => {
      const { lane, told, push, send, answer } = startLane();
      push(["a"]);
      const first = send();
      push(["b"]);
      answer(code, { baseOffset }, { now: 5000 });
      assert.deepEqual([lane.open, lane.ready(5000), told], [true, false, [["refresh", "t"]]]);
      assert.equal(send()?.bytes, first?.bytes);
    });

  it("6 with a base offset for a later try: the batch stays open, for the leader has changed", () => {
    const { lane, push, send, answer } = startLane();
    const request = push(["a"]);
    const first = send();
    answer(7);
    send();
    answer(6, { baseOffset: 5 });
    assert.deepEqual([lane.open, request.answers], [true, 0]);
    assert.equal(send()?.bytes, first?.bytes);
  });

  it("a request without an answer leaves its batch open, until the same bytes settle it", () => {
    const { lane, push, send, answer, lose } = startLane();
    const request = push(["a"]);
    const first = send();
    lose();
    assert.equal(lane.open, true);
    assert.equal(send()?.bytes, first?.bytes);
    answer(0);
    assert.deepEqual([lane.open, request.receipts.offsets], [false, [50]]);
  });

  it("an open batch stays open if its next try is not sent", () => {
    const { lane, push, send, lose } = startLane();
    push(["a"]);
    const first = send();
    lose();
    send();
    lose({ sent: false });
    assert.equal(lane.open, true);
    assert.equal(send()?.bytes, first?.bytes);
  });

  for (const code of [2, 5, 19])
    it(`${code} for an open batch: it stays open, because its first try may have been written`, () => {
      const { lane, push, send, answer } = startLane();
      push(["a"]);
      const first = send();
      answer(7);
      send();
      answer(code);
      assert.equal(lane.open, true);
      assert.equal(send()?.bytes, first?.bytes);
    });

  for (const code of [10, 29, 42, 45, 87])
    it(`${code} for an open batch: given up as unknown, in the next epoch`, () => {
      const { lane, told, push, send, answer } = startLane();
      const request = push(["a"]);
      send();
      answer(7);
      send();
      answer(code, { errorMessage: "no" });
      assert.deepEqual([codes(request), lane.idle, lane.bytes], [[50401], true, 0]);
      assert.match(message(request), new RegExp(`Last error: ${code} [A-Z_]+ \\(no\\)\\.`));
      push(["b"]);
      assert.deepEqual([send()?.epoch, told], [1, [["refresh", "t"]]]);
    });

  it("an unknown code: given up as unknown, in the next epoch", () => {
    const { push, send, answer } = startLane();
    const request = push(["a"]);
    send();
    answer(-1);
    push(["b"]);
    assert.deepEqual([codes(request), send()?.epoch], [[50401], 1]);
  });
});
