// The writer and the reader.

import { strict as assert } from "node:assert";
import { Reader, TruncatedError } from "../../src/wire/reader.ts";
import { Writer } from "../../src/wire/writer.ts";

describe("wire: writer", () => {
  it("keeps 64-bit numbers, strings and nulls, compact or not", () => {
    for (const flexible of [false, true]) {
      const writer = Object.assign(new Writer(1), { flexible });
      for (const value of [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 32, -(2 ** 32) - 5]) writer.int64(value);
      writer.string("é".repeat(200));
      writer.string(null);
      writer.nullableBytes(null);
      writer.boolean(true);
      const reader = Object.assign(new Reader(writer.bytes), { flexible });
      for (const value of [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 32, -(2 ** 32) - 5])
        assert.equal(reader.int64(), value);
      assert.deepEqual(
        [
          reader.nullableString(),
          reader.nullableString(),
          reader.nullableBytes(),
          reader.boolean(),
          reader.remaining,
        ],
        ["é".repeat(200), null, null, true, 0],
      );
      assert.throws(() => reader.int8(), TruncatedError);
    }
  });
});
