// A batch from the queue to its last answer.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { Batch } from "../../../src/kafka/produce/batch.ts";
import { BatchEncoder } from "../../../src/wire/record-batch.ts";
import { readBatches, readRecords } from "../../../src/wire/record-batch-reader.ts";
import { valuesIn, type Waiting, waiting } from "../../support/segments.ts";

const identity = { producerId: 7, epoch: 3, sequence: 42 };
const late = () => new OnrampError(50401, "late");

const batchOf = (...requests: readonly Waiting[]): Batch => new Batch(requests.map(({ segment }) => segment));

function encode(batch: Batch, sequence = identity.sequence): Buffer {
  const target = Buffer.alloc(batch.sizeBound);
  return batch.encode(new BatchEncoder(), target, 0, { ...identity, sequence });
}

function stored(bytes: Buffer) {
  return [...readBatches(bytes)].map((batch) => ({
    values: readRecords(batch).map(({ value }) => `${value}`),
    ...{ producerId: batch.producerId, epoch: batch.epoch, sequence: batch.sequence },
  }));
}

describe("kafka: batch", () => {
  it("contains the records of its segments in order, with the identity of its lane", () => {
    const batch = batchOf(waiting(["a", "b"]), waiting(["c"]));
    assert.equal(batch.count, 3);
    assert.deepEqual(stored(encode(batch)), [{ values: ["a", "b", "c"], ...identity }]);
    assert.deepEqual([batch.inFlight, batch.tries], [true, 1]);
  });

  it("fits into its size bound", () => {
    const batch = batchOf(waiting(["a".repeat(1000)]), waiting(["b"]));
    assert.ok(batch.sizeBound > 1000);
    assert.ok(encode(batch).length <= batch.sizeBound);
  });

  it("contains only the part of a segment that it was given", () => {
    const { segment } = waiting(["a", "b", "c", "d"]);
    const batch = new Batch([{ ...segment, from: 1, to: 3 }]);
    assert.equal(batch.count, 2);
    assert.deepEqual(stored(encode(batch))[0]?.values, ["b", "c"]);
  });

  it("keeps the bytes of its first try while it is open, and its size bound is their length", () => {
    const batch = batchOf(waiting(["a"]));
    const first = encode(batch);
    batch.open = true;
    assert.equal(batch.sizeBound, first.length);
    assert.equal(encode(batch, 43), first);
    assert.equal(batch.tries, 2);
  });

  it("is encoded again, at the current sequence, if it is not open", () => {
    const batch = batchOf(waiting(["a"]));
    const first = encode(batch);
    assert.ok(batch.sizeBound > first.length);
    assert.equal(stored(encode(batch, 43))[0]?.sequence, 43);
  });

  it("has the size bound of all records if it is open before its first try", () => {
    const batch = batchOf(waiting(["a"]));
    const bound = batch.sizeBound;
    batch.open = true;
    assert.equal(batch.sizeBound, bound);
    assert.deepEqual(stored(encode(batch))[0]?.values, ["a"]);
  });

  it("gives its segments consecutive offsets", () => {
    const [first, second, third] = [waiting(["a", "b"]), waiting(["c"]), waiting(["d"])];
    batchOf(first, second, third).settleWritten(5, 100, -1);
    assert.deepEqual(
      [first, second, third].map(({ receipts, answers }) => [
        receipts.partitions[0],
        receipts.offsets,
        answers,
      ]),
      [
        [5, [100, 101], 1],
        [5, [102], 1],
        [5, [103], 1],
      ],
    );
  });

  it("counts the offsets behind a part of a segment from the part's own end", () => {
    const [first, second] = [waiting(["a", "b", "c"]), waiting(["d"])];
    new Batch([{ ...first.segment, from: 1 }, second.segment]).settleWritten(5, 100, -1);
    assert.deepEqual([first.receipts.offsets, second.receipts.offsets], [[-1, 100, 101], [102]]);
  });

  it("fails all of its requests with one error", () => {
    const [first, second] = [waiting(["a"]), waiting(["b"])];
    const error = late();
    batchOf(first, second).settleFailed(error);
    assert.deepEqual([first.receipts.errors, second.receipts.errors], [[error], [error]]);
  });

  it("answers requests at their deadline, and counts as answered when all of them are", () => {
    const [soon, now, later] = [5, 10, 11].map((deadline) => waiting(["a"], { deadline })) as Waiting[];
    const batch = batchOf(soon as Waiting, now as Waiting, later as Waiting);
    batch.expire(10, late);
    assert.deepEqual([soon?.answers, now?.answers, later?.answers, batch.answered], [1, 1, 0, false]);
    assert.equal(soon?.receipts.errors?.[0]?.code, 50401);
    batch.expire(11, late);
    assert.deepEqual([soon?.answers, later?.answers, batch.answered], [1, 1, true]);
  });

  it("creates an error only for requests that still wait", () => {
    const batch = batchOf(waiting(["a"], { deadline: 5 }), waiting(["b"], { deadline: 20 }));
    let made = 0;
    for (const now of [4, 5, 6, 7])
      batch.expire(now, () => {
        made++;
        return late();
      });
    assert.equal(made, 1);
  });

  it("can be split into its records, or into its requests, each for a batch of its own", () => {
    const batch = batchOf(waiting(["a", "b"]), waiting(["c"]));
    assert.deepEqual(valuesIn(batch.recordSegments()), [["a"], ["b"], ["c"]]);
    assert.deepEqual(valuesIn(batch.aloneSegments()), [["a", "b"], ["c"]]);
    assert.deepEqual(
      [...batch.recordSegments(), ...batch.aloneSegments()].map(({ alone }) => alone),
      [false, false, false, true, true],
    );
  });
});
