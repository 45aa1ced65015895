// The reader: it reads no byte after the end, and refuses impossible lengths.

import { strict as assert } from "node:assert";
import { Reader, TruncatedError } from "../../src/wire/reader.ts";

const of = (hex: string, flexible = false): Reader =>
  Object.assign(new Reader(Buffer.from(hex, "hex")), { flexible });

describe("wire: reader", () => {
  it("has the position and the number of remaining bytes, from any start", () => {
    const reader = new Reader(Buffer.from("0011223344", "hex"), 1);
    assert.deepEqual([reader.position, reader.remaining], [1, 4]);
    assert.equal(reader.int16(), 0x1122);
    assert.deepEqual([reader.position, reader.remaining], [3, 2]);
    assert.equal(reader.raw(2).toString("hex"), "3344");
    assert.deepEqual([reader.position, reader.remaining], [5, 0]);
  });

  it("reads signed and unsigned numbers", () => {
    assert.deepEqual([of("ff").int8(), of("8000").int16(), of("80000000").int32()], [-1, -32768, -(2 ** 31)]);
    assert.equal(of("ffffffff").uint32(), 2 ** 32 - 1);
    assert.equal(of("001fffffffffffff").int64(), 2 ** 53 - 1);
    assert.equal(of("ffffffff00000000").int64(), -(2 ** 32));
    assert.deepEqual([of("00").boolean(), of("01").boolean(), of("02").boolean()], [false, true, true]);
  });

  it("reads varints of one to five bytes, and refuses longer ones", () => {
    for (const [hex, value] of [
      ["00", 0],
      ["7f", 127],
      ["8001", 128],
      ["ac02", 300],
      ["ffffffff0f", 2 ** 32 - 1],
    ] as const)
      assert.equal(of(hex).unsignedVarint(), value);
    assert.deepEqual(
      ["00", "01", "02", "03", "ffffffff0f", "feffffff0f"].map((hex) => of(hex).varint()),
      [0, -1, 1, -2, -(2 ** 31), 2 ** 31 - 1],
    );
    assert.throws(() => of("808080808000").unsignedVarint(), /^TruncatedError: a varint has more than five/);
    assert.throws(() => of("8080").unsignedVarint(), TruncatedError);
  });

  it("reads varlongs of one to ten bytes, and refuses longer ones", () => {
    const bytes = (count: number, last: string): string => "80".repeat(count - 1) + last;
    assert.deepEqual(
      ["00", "01", "8001", bytes(8, "02"), bytes(10, "00")].map((hex) => of(hex).varlong()),
      [0, -1, 64, 2 ** 49, 0],
    );
    assert.throws(() => of(bytes(11, "00")).varlong(), /^TruncatedError: a varlong has more than ten bytes/);
    assert.throws(() => of(bytes(3, "")).varlong(), TruncatedError);
  });

  it("reads bytes as a view, and strings as UTF-8", () => {
    const buffer = Buffer.from("000000026162", "hex");
    const view = new Reader(buffer).nullableBytes();
    buffer[4] = 0x63;
    assert.equal(view?.toString(), "cb");
    assert.equal(of("0002c3a9ff").nullableString(), "é");
    assert.deepEqual([of("0000").nullableString(), of("01", true).nullableString()], ["", ""]);
    assert.deepEqual(
      [of("00000000").nullableBytes(), of("01", true).nullableBytes()],
      [Buffer.alloc(0), Buffer.alloc(0)],
    );
  });

  it("refuses to read past the end, and reports how many bytes are needed and left", () => {
    for (const [hex, read] of [
      ["", (reader: Reader) => reader.int8()],
      ["00", (reader: Reader) => reader.int16()],
      ["000000", (reader: Reader) => reader.int32()],
      ["000000", (reader: Reader) => reader.uint32()],
      ["00000000000000", (reader: Reader) => reader.int64()],
      ["00036162", (reader: Reader) => reader.nullableString()],
      ["000000036162", (reader: Reader) => reader.nullableBytes()],
    ] as const)
      assert.throws(() => read(of(hex)), TruncatedError);
    assert.throws(() => of("0011").raw(3), /^TruncatedError: 3 bytes are needed, 2 are left$/);
    const behind = of("001122");
    behind.int8();
    assert.throws(() => behind.int32(), /^TruncatedError: 4 bytes are needed, 2 are left$/);
    assert.throws(() => of("0011").raw(-1), TruncatedError);
    assert.equal(of("0011").raw(2).length, 2);
  });

  it("does not move when it refuses to read", () => {
    const reader = of("0011");
    assert.throws(() => reader.int32(), TruncatedError);
    assert.equal(reader.int16(), 0x11);
  });

  it("accepts an array with at most as many elements as there are bytes", () => {
    assert.equal(of("000000020000").arrayLength(), 2);
    assert.throws(
      () => of("000000030000").arrayLength(),
      /^TruncatedError: an array has 3 elements, but 2 bytes are left$/,
    );
    assert.deepEqual([of("ffffffff").arrayLength(), of("00", true).arrayLength()], [-1, -1]);
  });
});
