// The bytes in the queue of a lane, and the order of its segments.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { settleFailed } from "../../../src/kafka/produce/segment.ts";
import { SegmentQueue } from "../../../src/kafka/produce/segment-queue.ts";
import { BATCH_OVERHEAD, recordSizeBound } from "../../../src/wire/record-batch.ts";
import { acceptedRecord, valuesIn, waiting } from "../../support/segments.ts";

const late = new OnrampError(50301, "late");
const ONE = recordSizeBound(acceptedRecord("a"));
/** The size of a batch for this number of one-byte records. */
const roomFor = (records: number): number => BATCH_OVERHEAD + records * ONE;

function queueOf(...requests: readonly { readonly segment: Parameters<SegmentQueue["push"]>[0] }[]) {
  const queue = new SegmentQueue();
  for (const { segment } of requests) queue.push(segment);
  return queue;
}

describe("kafka: bytes in a lane's queue", () => {
  it("include segments that are queued or in flight, until they are released", () => {
    const queue = queueOf(waiting(["a", "b"]), waiting(["c"]));
    assert.equal(queue.bytes, 3 * ONE);
    const batch = queue.take(roomFor(9));
    assert.deepEqual([queue.bytes, queue.empty], [3 * ONE, true]);
    queue.release(batch);
    assert.equal(queue.bytes, 0);
  });

  it("do not change when a batch is put back for another try", () => {
    const queue = queueOf(waiting(["a"]), waiting(["b"]));
    queue.giveBack(queue.take(roomFor(1)));
    assert.deepEqual([queue.bytes, valuesIn(queue.take(roomFor(9)))], [2 * ONE, [["a"], ["b"]]]);
  });

  it("no longer include a segment that is put back after it was answered; it is not sent again", () => {
    const answered = waiting(["a"]);
    const queue = queueOf(answered, waiting(["b"]), waiting(["c"]));
    const batch = queue.take(roomFor(2));
    settleFailed(answered.segment, late);
    queue.giveBack(batch);
    assert.deepEqual([queue.bytes, valuesIn(queue.take(roomFor(9)))], [2 * ONE, [["b"], ["c"]]]);
  });

  it("no longer include segments that failed at their deadline; the others keep their order", () => {
    const requests = [30, 10, 20].map((deadline) => waiting([`${deadline}`], { deadline }));
    const queue = queueOf(...requests);
    const each = queue.bytes / 3;
    queue.expire(9, () => late);
    assert.equal(queue.bytes, 3 * each);
    queue.expire(10, () => late);
    assert.deepEqual(
      [requests.map(({ answers }) => answers), queue.bytes, queue.empty],
      [[0, 1, 0], 2 * each, false],
    );
    assert.deepEqual(
      [requests[1]?.receipts.errors, valuesIn(queue.take(roomFor(9)))],
      [[late], [["30"], ["20"]]],
    );
  });

  it("include only segments in flight after all queued ones failed", () => {
    const [flying, queued] = [waiting(["a"]), waiting(["b"])];
    const queue = queueOf(flying, queued);
    const batch = queue.take(roomFor(1));
    queue.fail(late);
    assert.deepEqual([flying.answers, queued.answers, queue.bytes, queue.empty], [0, 1, ONE, true]);
    queue.release(batch);
    assert.equal(queue.bytes, 0);
  });

  it("expire for queued segments only: a taken one is not failed", () => {
    const taken = waiting(["a"], { deadline: 5 });
    const queue = queueOf(taken, waiting(["b"], { deadline: 50 }));
    queue.take(roomFor(1));
    let asked = 0;
    queue.expire(10, () => {
      asked++;
      return late;
    });
    assert.deepEqual([asked, taken.answers, queue.bytes], [0, 0, 2 * ONE]);
  });
});

describe("kafka: batches from the queue of a lane", () => {
  it("contain as many records as fit, to the byte, and leave the rest in order", () => {
    const queue = queueOf(waiting(["a", "b", "c"]), waiting(["d"]), waiting(["e"]));
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["a", "b"]]);
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["c"], ["d"]]);
    assert.deepEqual(valuesIn(queue.take(roomFor(2) - 1)), [["e"]]);
    assert.deepEqual([queue.empty, valuesIn(queue.take(roomFor(2)))], [true, []]);
  });

  it("contain a whole segment if it fits to the byte", () => {
    const whole = waiting(["a", "b"]);
    const queue = queueOf(whole);
    assert.equal(queue.take(roomFor(2))[0], whole.segment);
  });

  it("contain a part of the next segment if only a part fits", () => {
    const queue = queueOf(waiting(["a"]), waiting(["b", "c"]));
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["a"], ["b"]]);
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["c"]]);
  });

  it("contain a record that is larger than the limit only if it is alone", () => {
    const queue = queueOf(waiting(["a"]), waiting(["b".repeat(500), "c"]));
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["a"]]);
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["b".repeat(500)]]);
    assert.deepEqual(valuesIn(queue.take(roomFor(2))), [["c"]]);
  });

  it("contain nothing before or after a segment that is marked as alone", () => {
    const queue = queueOf(waiting(["a"]), waiting(["b"], { alone: true }), waiting(["c"]), waiting(["d"]));
    const batches = [1, 2, 3].map(() => valuesIn(queue.take(roomFor(9))));
    assert.deepEqual(batches, [[["a"]], [["b"]], [["c"], ["d"]]]);
  });

  it("are in order, however many were taken and put back before", () => {
    const names = Array.from({ length: 100 }, (_, n) => `${n}`);
    const queue = queueOf(...names.map((name) => waiting([name])));
    const total = queue.bytes;
    const taken: string[] = [];
    for (let n = 0; n < 98; n++) {
      const batch = queue.take(1);
      if (n === 50) {
        queue.giveBack(batch);
        continue;
      }
      taken.push(...valuesIn(batch).flat());
      queue.release(batch);
    }
    queue.fail(late);
    assert.deepEqual(taken, names.slice(0, 97));
    assert.deepEqual([queue.empty, queue.bytes, total > 0], [true, 0, true]);
  });
});
