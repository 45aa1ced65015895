// Compares varints around the limits of their sizes with an implementation that uses BigInt.

import { strict as assert } from "node:assert";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../src/wire/varint.ts";

/** The zig-zag varint as the documentation of Protocol Buffers defines it. */
function expected(value: number, bits: bigint): string {
  const big = BigInt(value);
  let rest = BigInt.asUintN(Number(bits), (big << 1n) ^ (big >> (bits - 1n)));
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]).toString("hex");
}
/** The numbers around every power of two below 2^`most`. */
const borders = (most: number): number[] =>
  Array.from({ length: most }, (_, power) => 2 ** power).flatMap((value) =>
    [-1, 0, 1].flatMap((delta) => [value + delta, -(value + delta)]),
  );

describe("wire: sizes of varints", () => {
  for (const [name, write, size, bits, most] of [
    ["32", writeVarint, varintSize, 32n, 31],
    ["64", writeVarlong, varlongSize, 64n, 51],
  ] as const)
    it(`are right around every power of two up to ${name} bits, and no byte after them is written`, () => {
      for (const value of borders(most).filter((each) => bits === 64n || (each | 0) === each)) {
        const target = Buffer.alloc(14, 0xee);
        const end = write(target, 2, value);
        const text = expected(value, bits);
        assert.equal(target.subarray(2, end).toString("hex"), text, String(value));
        assert.equal(size(value), text.length / 2, String(value));
        assert.deepEqual([target[1], target[end]], [0xee, 0xee]);
      }
    });
});
