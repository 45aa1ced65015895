// Compares CRC-32C at every length and position with a bit-by-bit implementation of its definition.

import { strict as assert } from "node:assert";
import { crc32c } from "../../src/wire/crc32c.ts";

function byDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("wire: places of crc32c", () => {
  it("agrees with the definition for every part of a buffer", () => {
    const buffer = Buffer.from(Array.from({ length: 64 }, (_, at) => (at * 167 + 13) & 255));
    for (let from = 0; from <= buffer.length; from++) {
      assert.equal(crc32c(buffer, from), byDefinition(buffer.subarray(from)));
      for (let to = from; to <= buffer.length; to++)
        assert.equal(crc32c(buffer, from, to), byDefinition(buffer.subarray(from, to)));
    }
  });
});
