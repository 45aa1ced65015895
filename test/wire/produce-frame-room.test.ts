// The buffer of a Produce frame: batches are encoded in place or copied, and nothing is written after the
// end.

import { strict as assert } from "node:assert";
import { frameOverhead, ProduceFrame } from "../../src/wire/produce-frame.ts";

/** Room for a batch of `room` bytes for partition 3 of topic "t1", somewhere inside a larger buffer. */
function frameWith(room: number): { frame: ProduceFrame; memory: Buffer } {
  const memory = Buffer.alloc(500, 0xee);
  const head = 4 + 2 + 2 + 4 + (2 + 2) + 2 + 2 + 4 + 4 + (2 + 2) + 4 + 4 + 4;
  const frame = new ProduceFrame(memory.subarray(20, 20 + head + room));
  frame.begin(8, 9, "me", 1500, 1);
  frame.topic("t1", 1);
  return { frame, memory };
}
const head = `${"00000008"}00000009${"00026d65"}ffffffff000005dc${"00000001"}00027431${"00000001"}00000003`;

describe("wire: buffer of a produce frame", () => {
  it("accepts a batch that fits exactly, and refuses one that is a byte longer", () => {
    for (const length of [10, 11]) {
      const { frame } = frameWith(10);
      const put = (): void => frame.records(3, () => Buffer.alloc(length, 0xaa));
      if (length > 10)
        assert.throws(put, /^RangeError: the batches do not fit into the buffer of the frame$/);
      else put();
    }
  });

  it("copies the bytes of another buffer", () => {
    const { frame, memory } = frameWith(40);
    frame.records(3, () => Buffer.from("elsewhere"));
    const expected = `0000003d${head}${"00000009"}${Buffer.from("elsewhere").toString("hex")}`;
    const finished = frame.finish();
    assert.equal(finished.toString("hex").slice(8), expected.slice(8));
    assert.equal(finished.readInt32BE(0), finished.length - 4);
    assert.equal(memory[20 + finished.length], 0xee);
  });

  it("copies bytes from another position in the same memory as well", () => {
    const { frame, memory } = frameWith(40);
    memory.write("aside", 400);
    frame.records(3, () => memory.subarray(400, 405));
    assert.ok(frame.finish().toString("latin1").endsWith("aside"));
  });

  it("copies bytes that stand at the same place in other memory", () => {
    const { frame } = frameWith(40);
    const other = Buffer.from(new ArrayBuffer(20_000)).fill(0xdd);
    frame.records(3, (target, at) => other.subarray(target.byteOffset + at, target.byteOffset + at + 5));
    assert.ok(frame.finish().toString("hex").endsWith("00000005dddddddddd"));
  });

  it("leaves bytes that were written in place where they are", () => {
    const { frame } = frameWith(40);
    frame.records(3, (target, at) => {
      target.write("in place", at);
      return target.subarray(at, at + 8);
    });
    const finished = frame.finish();
    assert.equal(
      finished.toString("hex").slice(8),
      `${head}00000008${Buffer.from("in place").toString("hex")}`,
    );
  });

  it("needs at most frameOverhead bytes in addition to its batches", () => {
    for (const names of [["t"], ["t".repeat(249), "u"], ["a", "b", "c"]])
      for (const each of [1, 5]) {
        const partitions = names.length * each;
        const room = frameOverhead(names, partitions) + partitions * 10;
        const frame = new ProduceFrame(Buffer.alloc(room));
        frame.begin(8, 1, "a client id of 27 characters", 1000, names.length);
        for (const name of names) {
          frame.topic(name, each);
          for (let n = 0; n < each; n++) frame.records(n, () => Buffer.alloc(10));
        }
        assert.ok(frame.finish().length <= room);
        assert.ok(frameOverhead(names, partitions) <= frame.finish().length - partitions * 10 + 64);
      }
  });
});
