// The queue of a lane.

import { strict as assert } from "node:assert";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import type { AcceptedRecord } from "../../../src/core/record.ts";
import { Receipts } from "../../../src/core/record.ts";
import { sizeOf } from "../../../src/kafka/produce/segment.ts";
import { SegmentQueue } from "../../../src/kafka/produce/segment-queue.ts";

describe("kafka: segment queue", () => {
  const pending = { receipts: new Receipts(0), remaining: 1e9, resolve: () => {} };
  const records = Array.from(
    { length: 10 },
    (_, n) =>
      ({ key: null, value: Buffer.alloc(1000, n), headers: [], timestamp: 0 }) as unknown as AcceptedRecord,
  );
  const segment = (alone = false) => ({
    pending,
    records,
    places: undefined,
    from: 0,
    to: 10,
    size: sizeOf(records, 0, 10),
    deadline: 1000,
    alone,
    compress: false,
    answered: false,
  });

  it("takes the records that fit, at least one, and counts its bytes down to 0", () => {
    const queue = new SegmentQueue();
    for (let n = 0; n < 100; n++) queue.push(segment());
    let taken = 0;
    while (!queue.empty) {
      const batch = queue.take(3500);
      taken += batch.reduce((sum, each) => sum + each.to - each.from, 0);
      if (Math.random() < 0.3) {
        queue.giveBack(batch);
        taken -= batch.reduce((sum, each) => sum + each.to - each.from, 0);
      } else queue.release(batch);
    }
    assert.deepEqual([taken, queue.bytes], [1000, 0]);
    queue.push(segment());
    assert.equal(queue.take(1)[0]?.to, 1);
  });

  it("takes a segment alone if it is marked so, and fails segments after their deadline", () => {
    const queue = new SegmentQueue();
    queue.push(segment(true));
    queue.push(segment());
    assert.equal(queue.take(1e9).length, 1);
    queue.expire(2000, () => new Error("late") as never);
    assert.ok(queue.empty);
  });
});
