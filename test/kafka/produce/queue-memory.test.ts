// What was taken from a lane's queue is not kept alive by it.

import { strict as assert } from "node:assert";
import { SegmentQueue } from "../../../src/kafka/produce/segment-queue.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { turn } from "../../support/produce-brokers.ts";
import { waiting } from "../../support/segments.ts";

/** Takes and releases so many requests one by one; the references tell which of them are alive later. */
function takeAll(queue: SegmentQueue, count: number): WeakRef<object>[] {
  return Array.from({ length: count }, () => {
    const batch = queue.take(1);
    queue.release(batch);
    return new WeakRef(batch[0] as object);
  });
}

describe("kafka: memory of a lane's queue", () => {
  it("is free of what was taken, however long something waits behind it", async () => {
    const queue = new SegmentQueue();
    for (let n = 0; n < 100; n++) queue.push(waiting(["a"]).segment);
    const taken = takeAll(queue, 90);
    await turn();
    collectGarbage();
    const alive = taken.filter((ref) => ref.deref() !== undefined).length;
    assert.ok(alive <= 33, `${alive} are alive`);
    assert.equal(queue.take(1).length, 1);
  });

  it("is free of the last that was taken", async () => {
    const queue = new SegmentQueue();
    queue.push(waiting(["a"]).segment);
    const [taken] = takeAll(queue, 1);
    await turn();
    collectGarbage();
    assert.equal(taken?.deref(), undefined);
    assert.ok(queue.empty);
  });
});
