// CRC-32C.

import { strict as assert } from "node:assert";
import { crc32c } from "../../src/wire/crc32c.ts";

describe("wire: crc32c", () => {
  it("computes CRC-32C as in RFC 3720, at any length and position", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from("xx123456789yy"), 2, 11), 0xe3069283);
  });
});
