// Splits a stream into frames.

import { strict as assert } from "node:assert";
import { FrameSplitter } from "../../src/wire/frame.ts";

describe("wire: frame", () => {
  it("returns the same frames for any division of the stream into chunks", () => {
    const frame = (body: string): Buffer =>
      Buffer.concat([Buffer.from([0, 0, 0, body.length]), Buffer.from(body)]);
    const stream = Buffer.concat([frame("first"), frame("second!"), frame("last")]);
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const splitter = new FrameSplitter(100);
        const frames = [
          stream.subarray(0, first),
          stream.subarray(first, second),
          stream.subarray(second),
        ].flatMap((chunk) => splitter.push(chunk));
        assert.deepEqual(frames.map(String), ["first", "second!", "last"]);
      }
    }
    assert.throws(() => new FrameSplitter(100).push(Buffer.from([0, 0, 1, 0])), RangeError);
    assert.throws(() => new FrameSplitter(100).push(Buffer.from([0, 0, 0, 0])), RangeError);
  });
});
