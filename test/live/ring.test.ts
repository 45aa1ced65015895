// The rings of recent entries: what is evicted, and what is counted.

import { strict as assert } from "node:assert";
import { CHANGE_BYTES, type Entry } from "../../src/live/entry.ts";
import { type Ring, RingMemory } from "../../src/live/ring.ts";

const change = (partition: number, bytes = CHANGE_BYTES): Entry => ({
  ...{ kind: "gap", from: 0, next: { offset: 1, epoch: 0 } },
  ...{ partition, bytes },
});

/** Rings that share a memory, and the partitions of the entries that were removed. */
function rings(limit: number, count: number) {
  const memory = new RingMemory(limit);
  const evicted: string[] = [];
  const made = Array.from({ length: count }, (_, n) =>
    memory.createRing((entry) => void evicted.push(`${n}/${(entry as { partition: number }).partition}`)),
  );
  return { memory, evicted, rings: made as [Ring, Ring, Ring] };
}

describe("live: rings", () => {
  it("number their entries, from 0", () => {
    const [ring] = rings(1000, 1).rings;
    assert.deepEqual([ring.first, ring.end, ring.length, ring.get(0)], [0, 0, 0, undefined]);
    const entries = [change(0, 10), change(1, 20)];
    for (const entry of entries) ring.push(entry);
    assert.deepEqual([ring.get(0), ring.get(1), ring.get(2)], [...entries, undefined]);
    assert.deepEqual([ring.first, ring.end, ring.length, ring.bytes], [0, 2, 2, 30]);
  });

  it("lose the oldest entries of the largest ring first", () => {
    const { memory, evicted, rings: made } = rings(100, 3);
    const [small, large, growing] = made;
    small.push(change(0, 15));
    small.push(change(1, 15));
    for (let n = 0; n < 4; n++) large.push(change(n, 15));
    assert.deepEqual([memory.used, evicted], [90, []]);
    growing.push(change(0, 15));
    assert.deepEqual([memory.used, evicted], [90, ["1/0"]]);
    growing.push(change(1, 20));
    assert.deepEqual([memory.used, evicted], [95, ["1/0", "1/1"]]);
    growing.push(change(2, 35));
    assert.deepEqual(evicted.slice(2), ["2/0", "2/1"]);
    assert.deepEqual([memory.used, large.first, growing.first, small.first], [95, 2, 2, 0]);
    assert.deepEqual([growing.get(1), (growing.get(2) as { partition: number }).partition], [undefined, 2]);
  });

  it("keep their newest entry, also if it is larger than the memory", () => {
    const { memory, evicted, rings: made } = rings(100, 2);
    const [first, second] = made;
    first.push(change(0, 60));
    second.push(change(0, 500));
    assert.deepEqual([memory.used, evicted], [560, []]);
    second.push(change(1, 10));
    assert.deepEqual([memory.used, evicted], [70, ["1/0"]]);
  });

  it("evict entries when an entry grows", () => {
    const { memory, evicted, rings: made } = rings(100, 1);
    const [ring] = made;
    ring.push(change(0, 40));
    ring.push(change(1, 40));
    ring.grow(30);
    assert.deepEqual([memory.used, evicted], [70, ["0/0"]]);
  });

  it("make room for one large entry, however many small ones must go", () => {
    const { memory, evicted, rings: made } = rings(40_000_000, 1);
    const [ring] = made;
    for (let n = 0; n < 100_000; n++) ring.push(change(n));
    ring.push(change(-1, 39_999_000));
    assert.equal(evicted.length, 99_998);
    assert.deepEqual(evicted.slice(0, 3), ["0/0", "0/1", "0/2"]);
    assert.ok(memory.used <= 40_000_000);
  });

  it("keep the sequence numbers when many entries were removed", () => {
    const [ring] = rings(10, 1).rings;
    for (let n = 0; n < 5000; n++) ring.push(change(n, 1));
    assert.deepEqual([ring.first, ring.end, ring.length, ring.bytes], [4990, 5000, 10, 10]);
    for (const n of [0, 3000, 4989, 5000]) assert.equal(ring.get(n), undefined);
    for (const n of [4990, 4999]) assert.equal((ring.get(n) as { partition: number }).partition, n);
  });

  it("count nothing after they were closed", () => {
    const { memory, rings: made } = rings(100, 3);
    for (const [n, ring] of made.entries()) {
      ring.push(change(0, 10 * n));
      ring.push(change(1, 1));
    }
    made[0].evict();
    for (const ring of made) ring.close();
    assert.equal(memory.used, 0);
    // What was read before the close may arrive after it.
    made[1].push(change(2, 30));
    made[1].grow(30);
    assert.deepEqual([memory.used, made[1].length, made[1].get(0)], [0, 0, undefined]);
  });
});
