// Compressed batches: the batch names the codec, and decompression returns the same records.

import { strict as assert } from "node:assert";
import zlib from "node:zlib";
import { decompress } from "../../../src/kafka/consume/decompress.ts";
import { compressionOf } from "../../../src/kafka/produce/compression.ts";
import { BATCH_OVERHEAD, encodeBatch } from "../../../src/wire/record-batch.ts";
import { readBatches, readRecords } from "../../../src/wire/record-batch-reader.ts";
import { acceptedRecord } from "../../support/segments.ts";

const KIB = 1024;
const UNLIMITED = { limit: Number.POSITIVE_INFINITY, reserve: async () => {}, allocate: Buffer.allocUnsafe };
const attributes = { gzip: 1, snappy: 2, lz4: 3 } as const;

describe("kafka: compression", () => {
  it("`none` leaves a batch unchanged", () => {
    assert.equal(compressionOf("none"), undefined);
  });

  for (const [name, attribute] of Object.entries(attributes) as ["gzip" | "snappy" | "lz4", number][])
    it(`${name} makes a batch smaller, with attribute ${attribute}, and can be decompressed`, async () => {
      const value = "onramp ".repeat(100);
      const batch = encodeBatch([acceptedRecord(value)], undefined, compressionOf(name));
      assert.ok(batch.length < value.length);
      const [read] = [...readBatches(batch)];
      assert.ok(read);
      assert.equal(read.compression, attribute);
      const records = await decompress(attribute, read.bytes.subarray(BATCH_OVERHEAD), UNLIMITED);
      assert.deepEqual(
        readRecords(read, () => records).map((record) => `${record.value}`),
        [value],
      );
    });

  it("zstd compresses a batch if Node.js supports it; otherwise the error names other codecs", async () => {
    if (!("zstdCompressSync" in zlib)) {
      assert.throws(() => compressionOf("zstd"), /^Error: zstd needs Node\.js 22\.15 or later; choose gzip/);
      return;
    }
    const packed = compressionOf("zstd");
    assert.equal(packed?.attribute, 4);
    assert.equal(`${await decompress(4, packed.compress(Buffer.from("onramp")), UNLIMITED)}`, "onramp");
  });

  for (const size of [0, 1, 32 * KIB, 32 * KIB + 1, 100 * KIB])
    it(`snappy frames ${size} bytes as snappy-java does: a header, then blocks of at most 32 KiB`, async () => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, n) => (n * n) % 251));
      const packed = compressionOf("snappy")?.compress(bytes) ?? Buffer.alloc(0);
      assert.equal(packed.toString("hex", 0, 16), "82534e41505059000000000100000001");
      assert.deepEqual(await decompress(2, packed, UNLIMITED), bytes);
      assert.equal(blocksIn(packed), Math.ceil(size / (32 * KIB)));
    });
});

function blocksIn(packed: Buffer): number {
  let blocks = 0;
  for (let at = 16; at < packed.length; at += 4 + packed.readInt32BE(at)) blocks++;
  return blocks;
}
