// The pool of buffers for requests.

import { strict as assert } from "node:assert";
import { FramePool } from "../../../src/kafka/produce/frame-pool.ts";
import "../../../src/kafka/admin/kafkajs-repairs.ts";

describe("kafka: frame pool", () => {
  it("reuses frames that are large enough, and keeps a few", () => {
    const pool = new FramePool();
    const first = pool.take(10_000);
    pool.give(first);
    assert.notEqual(pool.take(20_000), first);
    assert.equal(pool.take(8000), first);
    const given: Buffer[] = Array.from({ length: 6 }, (_, n) => Buffer.alloc(10_000 + n));
    for (const buffer of given) pool.give(buffer);
    assert.deepEqual(Array.from({ length: 4 }, () => given.indexOf(pool.take(5000))).sort(), [2, 3, 4, 5]);
    assert.equal(given.includes(pool.take(5000)), false);
  });
});
