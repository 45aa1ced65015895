// A lane whose callers are answered without a final answer of the broker: at the deadline, or when the
// producer fails the queue.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { startLane } from "../../support/lane.ts";
import { codesOf as codes, messageOf as message } from "../../support/segments.ts";

describe("kafka: lane, at the deadline", () => {
  it("fails queued records as not written, with the last error", () => {
    const { lane, push, send, answer } = startLane();
    const [first, second] = [push(["a"], { deadline: 100 }), push(["b"], { deadline: 200 })];
    send();
    answer(6);
    lane.expire(100);
    assert.deepEqual([codes(first), codes(second)], [[50301], undefined]);
    assert.match(message(first), /t\/3 .*Last error: 6 NOT_LEADER_OR_FOLLOWER\./);
    assert.deepEqual(send()?.values, ["b"]);
  });

  it("does not send a queued record whose deadline has passed", () => {
    const { push, send } = startLane();
    const [late, early] = [push(["a"], { deadline: 100 }), push(["b"], { deadline: 200 })];
    assert.deepEqual(send(1_000_000, 100)?.values, ["b"]);
    assert.deepEqual([codes(late), codes(early)], [[50301], undefined]);
  });

  it("reports missing replicas if that was the last error, and only then", () => {
    const { lane, push, send, answer, lose } = startLane();
    const first = push(["a"], { deadline: 100 });
    send();
    answer(19);
    lane.expire(100);
    const second = push(["b"], { deadline: 200 });
    send();
    answer(19);
    send();
    lose({ sent: false });
    lane.expire(200);
    assert.deepEqual([codes(first), codes(second)], [[50302], [50301]]);
  });

  it("lets a lane pause on while somebody waits whose deadline has not come", () => {
    const { lane, push, lose } = startLane();
    push(["a"], { deadline: 200 });
    lose({ sent: false });
    lane.expire(100);
    assert.equal(lane.backingOff, true);
  });

  it("answers for a batch in flight as unknown, and lets its answer come", () => {
    const { lane, push, send, answer } = startLane();
    const request = push(["a"], { deadline: 100 });
    send();
    lane.expire(99);
    assert.equal(request.answers, 0);
    lane.expire(100);
    assert.deepEqual([codes(request), lane.idle], [[50401], false]);
    answer(0);
    assert.deepEqual([lane.idle, request.answers, request.receipts.offsets], [true, 1, [-1]]);
    push(["b"]);
    assert.deepEqual([send()?.sequence], [1]);
  });

  it("abandons an open batch when no caller waits for it, and starts the next epoch", () => {
    const { lane, push, send, lose } = startLane();
    const [early, late] = [push(["a"], { deadline: 100 }), push(["b"], { deadline: 200 })];
    send();
    lose();
    lane.expire(100);
    assert.deepEqual([early.answers, late.answers, lane.open], [1, 0, true]);
    lane.expire(200);
    assert.deepEqual(
      [codes(early), codes(late), lane.open, lane.idle, lane.bytes],
      [[50401], [50401], false, true, 0],
    );
    push(["c"]);
    assert.equal(send()?.epoch, 1);
  });

  it("waits for the answer to an open batch that is in flight again", () => {
    const { lane, push, send, lose } = startLane();
    push(["a"], { deadline: 100 });
    send();
    lose();
    send();
    lane.expire(100);
    assert.equal(lane.open, true);
  });

  it("clears the last error when the queue is empty", () => {
    const { lane, push, lose } = startLane();
    push(["a"], { deadline: 100 });
    lose({ sent: false });
    assert.equal(lane.backingOff, true);
    lane.expire(100);
    assert.equal(lane.backingOff, false);
    const next = push(["b"], { deadline: 300 });
    lane.expire(300);
    assert.doesNotMatch(message(next), /Last error/);
  });
});

describe("kafka: lane, failed by the producer", () => {
  const gone = new OnrampError(40401, "gone");

  it("fails queued records, and ends the backoff", () => {
    const { lane, push, lose } = startLane();
    const request = push(["a"]);
    lose({ sent: false });
    lane.failQueued(gone);
    assert.deepEqual(
      [request.receipts.errors, lane.idle, lane.bytes, lane.backingOff],
      [[gone], true, 0, false],
    );
  });

  it("does not affect a batch in flight and its backoff", () => {
    const { lane, push, send, lose } = startLane();
    const flying = push(["a"]);
    send();
    lose();
    const queued = push(["b"]);
    lane.failQueued(gone);
    assert.deepEqual([flying.answers, queued.answers, lane.idle, lane.backingOff], [0, 1, false, true]);
  });
});
