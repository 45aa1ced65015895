// Message layouts: the bytes of each type of field, written and read.

import { strict as assert } from "node:assert";
import {
  array,
  between,
  boolean,
  bytes,
  type Codec,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableBytes,
  nullableString,
  since,
  skipTags,
  string,
  struct,
} from "../../src/wire/codec.ts";
import { Reader, TruncatedError } from "../../src/wire/reader.ts";
import { Writer } from "../../src/wire/writer.ts";

interface As {
  readonly version?: number;
  readonly flexible?: boolean;
}
function hex<T>(codec: Codec<T>, value: T, { version = 0, flexible = false }: As = {}): string {
  const writer = Object.assign(new Writer(), { flexible });
  codec.write(writer, value, version);
  return writer.bytes.toString("hex");
}
/** The value that is read, and the number of bytes after it. */
function read<T>(codec: Codec<T>, text: string, { version = 0, flexible = false }: As = {}): [T, number] {
  const reader = Object.assign(new Reader(Buffer.from(text, "hex")), { flexible });
  return [codec.read(reader, version), reader.remaining];
}

describe("wire: codec", () => {
  it("writes each type as the protocol guide says, and reads it back", () => {
    const check = <T>(codec: Codec<T>, value: T, plain: string, compact = plain): void => {
      for (const [text, flexible] of [
        [plain, false],
        [compact, true],
      ] as const) {
        assert.equal(hex(codec, value, { flexible }), text);
        assert.deepEqual(read(codec, text, { flexible }), [value, 0]);
      }
    };
    check(int8, -2, "fe");
    check(int16, -2, "fffe");
    check(int32, 258, "00000102");
    check(int64, -2, "fffffffffffffffe");
    check(boolean, true, "01");
    check(boolean, false, "00");
    check(string, "é", "0002c3a9", "03c3a9");
    check(nullableString, "", "0000", "01");
    check(nullableString, null, "ffff", "00");
    check(bytes, Buffer.from("ab"), "000000026162", "036162");
    check(nullableBytes, null, "ffffffff", "00");
    check(array(int16), [1, 2], "0000000200010002", "0300010002");
    check(array(int16), [], "00000000", "01");
    check(nullableArray(int16), [], "00000000", "01");
    check(nullableArray(int16), null, "ffffffff", "00");
    check(nullableArray(string), ["a"], "00000001000161", "020261");
  });

  it("reads a null array as empty if null is not allowed, and refuses a null string or null bytes", () => {
    assert.deepEqual(read(array(int8), "ffffffff"), [[], 0]);
    assert.throws(
      () => read(string, "ffff"),
      /^TruncatedError: a string is null, but the protocol does not allow null for this field$/,
    );
    assert.throws(() => read(bytes, "ffffffff"), /^TruncatedError: a byte string is null, but/);
  });

  it("has fields that exist in some versions, and are read as their default in others", () => {
    const later = since(2, int8, -1);
    assert.deepEqual(
      [1, 2, 3].map((version) => hex(later, 7, { version })),
      ["", "07", "07"],
    );
    assert.deepEqual(
      [1, 2, 3].map((version) => read(later, "07", { version })),
      [
        [-1, 1],
        [7, 0],
        [7, 0],
      ],
    );
    const meanwhile = between(1, 2, int8, -1);
    assert.deepEqual(
      [0, 1, 2, 3].map((version) => hex(meanwhile, 7, { version })),
      ["", "07", "07", ""],
    );
    assert.deepEqual(
      [0, 1, 2, 3].map((version) => read(meanwhile, "07", { version })),
      [
        [-1, 1],
        [7, 0],
        [7, 0],
        [-1, 1],
      ],
    );
  });

  it("passes the version to the elements of arrays and the fields of structs", () => {
    const nested = array(struct({ a: int8, b: since(1, int8, -1) }));
    assert.equal(hex(nested, [{ a: 1, b: 2 }], { version: 0 }), "0000000101");
    assert.equal(hex(nested, [{ a: 1, b: 2 }], { version: 1 }), "000000010102");
    assert.deepEqual(read(nested, "0000000101", { version: 0 }), [[{ a: 1, b: -1 }], 0]);
    assert.deepEqual(read(nested, "000000010102", { version: 1 }), [[{ a: 1, b: 2 }], 0]);
  });

  it("ends a struct in flexible versions with an empty set of tagged fields, and skips unknown ones", () => {
    const pair = struct({ a: int8, b: string });
    assert.equal(hex(pair, { a: 1, b: "x" }), "01000178");
    assert.equal(hex(pair, { a: 1, b: "x" }, { flexible: true }), "01027800");
    // Two tags: number 0 with three bytes, number 300 with none.
    assert.deepEqual(read(pair, "010278020003aabbccac0200", { flexible: true }), [{ a: 1, b: "x" }, 0]);
    assert.deepEqual(read(pair, "0100017802", {}), [{ a: 1, b: "x" }, 1]);
  });

  it("refuses tagged fields that are cut off", () => {
    for (const cut of ["01", "0100", "010003aabb"])
      assert.throws(() => skipTags(new Reader(Buffer.from(cut, "hex"))), TruncatedError);
  });
});
