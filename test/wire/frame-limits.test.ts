// The limits for the size of a frame.

import { strict as assert } from "node:assert";
import { FrameSplitter } from "../../src/wire/frame.ts";

const frame = (length: number, fill = 7): Buffer => {
  const bytes = Buffer.alloc(4 + length, fill);
  bytes.writeInt32BE(length, 0);
  return bytes;
};

describe("wire: limits of a frame", () => {
  it("accepts a frame of only a correlation id, and one of exactly the limit", () => {
    for (const length of [4, 100])
      assert.deepEqual(
        new FrameSplitter(100).push(frame(length)).map((each) => each.length),
        [length],
      );
  });

  it("refuses a frame with a smaller, larger or negative length as soon as the length is received", () => {
    for (const length of [3, 101, 2 ** 31 - 1, -1]) {
      const head = Buffer.alloc(4);
      head.writeInt32BE(length, 0);
      assert.throws(
        () => new FrameSplitter(100).push(head),
        (error: Error) =>
          error instanceof RangeError &&
          error.message === `a frame has ${length} bytes; from 4 to 100 are allowed`,
      );
      const splitter = new FrameSplitter(100);
      assert.deepEqual(splitter.push(head.subarray(0, 3)), []);
      assert.throws(() => splitter.push(head.subarray(3)), RangeError);
    }
  });

  it("returns frames when they are complete, for any division into chunks", () => {
    const stream = Buffer.concat([frame(5, 1), frame(300, 2), frame(4, 3)]);
    for (const size of [1, 2, 3, 5, 7, 64, 1000]) {
      const splitter = new FrameSplitter(300);
      const frames: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size)
        for (const each of splitter.push(stream.subarray(at, at + size))) {
          frames.push(each);
          assert.ok(at + size >= frames.reduce((sum, { length }) => sum + 4 + length, 0));
        }
      assert.deepEqual(frames, [Buffer.alloc(5, 1), Buffer.alloc(300, 2), Buffer.alloc(4, 3)]);
    }
  });

  it("returns a frame that is in one chunk as a view of it", () => {
    const chunk = frame(5);
    assert.equal(new FrameSplitter(100).push(chunk)[0]?.buffer, chunk.buffer);
  });
});
