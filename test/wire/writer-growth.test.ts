// The writer: its buffer grows from any initial capacity.

import { strict as assert } from "node:assert";
import { Writer, writeInt64 } from "../../src/wire/writer.ts";

describe("wire: growth of the writer", () => {
  it("writes the same bytes with any initial capacity", () => {
    const write = (capacity: number, flexible: boolean): string => {
      const writer = Object.assign(new Writer(capacity), { flexible });
      writer.int8(-1);
      writer.int16(258);
      writer.int32(-2);
      writer.int64(2 ** 40 + 5);
      writer.boolean(true);
      writer.boolean(false);
      writer.unsignedVarint(300);
      writer.varint(-65);
      writer.varlong(2 ** 40);
      writer.string("é");
      writer.string(null);
      writer.nullableBytes(Buffer.from("bytes"));
      writer.nullableBytes(null);
      writer.arrayLength(3);
      writer.raw(Buffer.from("raw"));
      return writer.bytes.toString("hex");
    };
    const numbers = "ff0102fffffffe00000100000000050100" + "ac02" + "8101" + "808080808040";
    const plain = `${numbers}0002c3a9ffff000000056279746573ffffffff00000003726177`;
    const compact = `${numbers}03c3a9000662797465730004726177`;
    for (let capacity = 1; capacity < 80; capacity++) {
      assert.equal(write(capacity, false), plain);
      assert.equal(write(capacity, true), compact);
    }
  });

  it("writes unsigned varints up to 32 bits", () => {
    for (const [value, hex] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [16_383, "ff7f"],
      [16_384, "808001"],
      [2 ** 31 - 1, "ffffffff07"],
    ] as const) {
      const writer = new Writer();
      writer.unsignedVarint(value);
      assert.equal(writer.bytes.toString("hex"), hex);
    }
  });

  it("grows at least twofold, so that many small writes copy little", () => {
    const writer = new Writer(16);
    const buffers = new Set<ArrayBufferLike>();
    for (let n = 0; n < 100_000; n++) {
      writer.int8(n & 127);
      buffers.add(writer.bytes.buffer);
    }
    assert.ok(buffers.size < 20);
    assert.equal(writer.bytes.length, 100_000);
    assert.deepEqual([writer.bytes[16], writer.bytes[99_999]], [16, 99_999 & 127]);
  });

  it("returns the position after a 64-bit number", () => {
    const target = Buffer.alloc(10, 0xee);
    assert.equal(writeInt64(target, 1, -1), 9);
    assert.equal(target.toString("hex"), "eeffffffffffffffffee");
    writeInt64(target, 1, 2 ** 32);
    assert.equal(target.readBigInt64BE(1), 2n ** 32n);
  });
});
