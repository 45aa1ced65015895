// The partition of a record: by the hash of its key as in Java's client, or the sticky partition of the
// topic.

import { strict as assert } from "node:assert";
import { murmur2, partitionForKey, StickyPartitioner } from "../../../src/kafka/produce/partitioner.ts";
import { afterTest } from "../../support/after-test.ts";

const KIB = 1024;
const all = () => true;

/** `Math.random` returns this in the test. */
function randomIs(value: number): void {
  const { random } = Math;
  Math.random = () => value;
  afterTest(() => {
    Math.random = random;
  });
}

describe("kafka: partition of a key", () => {
  it("is the one that Java's client computes, for all key lengths modulo 4 and bytes above 127", () => {
    // From an implementation of MurmurHash2 with Kafka's seed that also yields the vectors of Kafka's UtilsTest.
    const vectors: [number[], number][] = [
      [[], 275646681],
      [[0xff], -311467685],
      [[0xff, 0x80], -442788720],
      [[0xff, 0x80, 0x81], 1120456546],
      [[0xff, 0x80, 0x81, 0xfe], -296161532],
      [[0xff, 0x80, 0x81, 0xfe, 0x90], -612790979],
    ];
    for (const [bytes, hash] of vectors) assert.equal(murmur2(Buffer.from(bytes)), hash);
  });

  it("is within the topic, for hashes of either sign", () => {
    for (const [key, hash] of [
      ["21", -973932308],
      ["abc", 479470107],
    ] as const)
      assert.equal(partitionForKey(Buffer.from(key), 7), (hash & 0x7fffffff) % 7);
  });
});

describe("kafka: partition without a key", () => {
  it("stays the same for 16 KiB, and is then chosen again", () => {
    randomIs(0.3);
    const sticky = new StickyPartitioner();
    const choices: number[] = [];
    for (let n = 0; n < 3; n++) choices.push(sticky.choose(10, all, 8 * KIB));
    randomIs(0.7);
    for (let n = 0; n < 3; n++) choices.push(sticky.choose(10, all, 8 * KIB));
    // The third record starts a new count, because 16 KiB were reached before it.
    assert.deepEqual(choices, [3, 3, 3, 3, 7, 7]);
  });

  it("stays the same below 16 KiB, to the byte", () => {
    randomIs(0.3);
    const sticky = new StickyPartitioner();
    sticky.choose(10, all, 16 * KIB - 1);
    randomIs(0.7);
    assert.deepEqual([sticky.choose(10, all, 1), sticky.choose(10, all, 1)], [3, 7]);
  });

  it("changes from one that is not healthy to the next healthy one", () => {
    randomIs(0.3);
    const sticky = new StickyPartitioner();
    assert.equal(sticky.choose(10, all, 1), 3);
    assert.equal(
      sticky.choose(10, (partition) => partition === 5, 1),
      5,
    );
    assert.equal(sticky.choose(10, all, 1), 5);
  });

  it("is any partition if none is healthy", () => {
    randomIs(0.3);
    const sticky = new StickyPartitioner();
    assert.equal(
      sticky.choose(10, () => false, 1),
      3,
    );
  });

  it("is one that exists, after the topic was recreated with fewer partitions", () => {
    randomIs(0.9);
    const sticky = new StickyPartitioner();
    assert.equal(sticky.choose(10, all, 1), 9);
    assert.equal(sticky.choose(9, all, 1), 8);
  });

  it("may be any partition of the topic", () => {
    randomIs(0);
    assert.equal(new StickyPartitioner().choose(3, all, 1), 0);
    randomIs(0.999);
    assert.equal(new StickyPartitioner().choose(3, all, 1), 2);
  });

  it("stays at partition 0 like at any other", () => {
    randomIs(0);
    const sticky = new StickyPartitioner();
    sticky.choose(3, all, 1);
    randomIs(0.999);
    assert.equal(sticky.choose(3, all, 1), 0);
  });
});
