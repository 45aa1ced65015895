// The sizes and the number of buffers that the pool keeps.

import { strict as assert } from "node:assert";
import { FramePool } from "../../../src/kafka/produce/frame-pool.ts";

const KIB = 1024;

/** Whether the pool returns a buffer of this size again. */
function kept(size: number): boolean {
  const pool = new FramePool();
  const buffer = Buffer.alloc(size);
  pool.give(buffer);
  return pool.take(Math.min(size, 4 * KIB)) === buffer;
}

describe("kafka: frames kept", () => {
  it("have at least the requested capacity, whatever buffers were given back before", () => {
    const pool = new FramePool();
    pool.give(Buffer.alloc(8 * KIB));
    for (const capacity of [1, 4 * KIB, 8 * KIB, 8 * KIB + 1, 100 * KIB])
      assert.ok(pool.take(capacity).length >= capacity);
  });

  it("are returned for a request of exactly their size, once", () => {
    const pool = new FramePool();
    const buffer = Buffer.alloc(8 * KIB);
    pool.give(buffer);
    assert.equal(pool.take(8 * KIB), buffer);
    assert.notEqual(pool.take(8 * KIB), buffer);
  });

  it("are between 4 KiB and 2 MiB, both included", () => {
    const sizes = [4 * KIB - 1, 4 * KIB, 2 * KIB * KIB, 2 * KIB * KIB + 1];
    assert.deepEqual(sizes.map(kept), [false, true, true, false]);
  });

  it("are not used for requests below 4 KiB", () => {
    const pool = new FramePool();
    const buffer = Buffer.alloc(8 * KIB);
    pool.give(buffer);
    assert.notEqual(pool.take(4 * KIB - 1), buffer);
    assert.equal(pool.take(4 * KIB), buffer);
  });

  it("are the four largest", () => {
    const pool = new FramePool();
    const [a, b, c, d, e] = [9, 5, 8, 7, 6].map((kib) => Buffer.alloc(kib * KIB));
    for (const buffer of [a, b, c, d]) pool.give(buffer as Buffer);
    pool.give(e as Buffer);
    const taken = Array.from({ length: 5 }, () => pool.take(4 * KIB));
    assert.deepEqual(
      [a, c, d, e].map((buffer) => taken.includes(buffer as Buffer)),
      [true, true, true, true],
    );
    assert.equal(taken.includes(b as Buffer), false);
  });

  it("are at most four", () => {
    const pool = new FramePool();
    const given = [5, 6, 7, 8].map((kib) => Buffer.alloc(kib * KIB));
    for (const buffer of given) pool.give(buffer);
    const taken = Array.from({ length: 4 }, () => pool.take(4 * KIB));
    assert.ok(given.every((buffer) => taken.includes(buffer)));
  });
});
