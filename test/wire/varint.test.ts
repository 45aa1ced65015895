// Varints.

import { strict as assert } from "node:assert";
import { Reader } from "../../src/wire/reader.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../src/wire/varint.ts";

describe("wire: varint", () => {
  it("keeps varints and varlongs over a round trip, in the predicted size", () => {
    for (const value of [
      0,
      1,
      -1,
      63,
      64,
      -64,
      -65,
      8191,
      8192,
      2 ** 20,
      2 ** 27,
      2 ** 30 - 1,
      -(2 ** 30),
      2 ** 31 - 1,
      -(2 ** 31),
    ]) {
      const target = Buffer.alloc(10);
      assert.equal(writeVarint(target, 0, value), varintSize(value));
      assert.equal(new Reader(target).varint(), value);
    }
    for (const value of [0, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, -(2 ** 45), 2 ** 51]) {
      const target = Buffer.alloc(10);
      assert.equal(writeVarlong(target, 0, value), varlongSize(value));
      assert.equal(new Reader(target).varlong(), value);
    }
  });
});
