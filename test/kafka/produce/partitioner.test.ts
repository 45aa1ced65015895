// Partitions as Java's producer chooses them.

import { strict as assert } from "node:assert";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import { murmur2, partitionForKey, StickyPartitioner } from "../../../src/kafka/produce/partitioner.ts";

describe("kafka: partitioner", () => {
  it("hashes as Kafka's UtilsTest expects", () => {
    const vectors: [string, number][] = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107],
    ];
    for (const [key, hash] of vectors) assert.equal(murmur2(Buffer.from(key)), hash, key);
    assert.equal(partitionForKey(Buffer.from("foobar"), 3), 0);
  });

  it("keeps a partition for 16 KiB, and leaves one that is not healthy", () => {
    const sticky = new StickyPartitioner();
    const first = sticky.choose(8, () => true, 1000);
    for (let n = 0; n < 10; n++)
      assert.equal(
        sticky.choose(8, () => true, 1000),
        first,
      );
    for (let n = 0; n < 50; n++)
      assert.notEqual(
        sticky.choose(8, (partition) => partition !== first, 10),
        first,
      );
    assert.ok(sticky.choose(8, () => false, 10) >= 0);
  });
});
