// Every codec knows or limits the size of its result before it allocates memory.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import snappy from "snappy";
import { BatchTooLarge, decompress } from "../../../src/kafka/consume/decompress.ts";
import { parseLz4 } from "../../../src/kafka/consume/lz4-frame.ts";
import { parseZstd } from "../../../src/kafka/consume/zstd-frame.ts";

const SIZE = 300_000;
const content = Buffer.from(Array.from({ length: SIZE }, (_, n) => (n * n) % 7));
/** zstd: a frame that declares no size, with two blocks that repeat one byte each, of 128 KiB and of 10 bytes. */
const zstd = (descriptor: number, ...size: number[]): Buffer =>
  Buffer.from([
    0x28,
    0xb5,
    0x2f,
    0xfd,
    descriptor,
    0x58,
    ...size,
    0x02,
    0x00,
    0x10,
    0x61,
    0x53,
    0x00,
    0x00,
    0x62,
  ]);
const codecs: Readonly<Record<string, { readonly code: number; readonly compressed: Buffer }>> = {
  gzip: { code: 1, compressed: gzipSync(content) },
  snappy: { code: 2, compressed: snappy.compressSync(content) },
  lz4: { code: 3, compressed: compressFrameSync(content) },
};

/** Decompresses, and stores what was reserved and allocated. */
function recording(limit: number) {
  const reserved: number[] = [];
  const allocated: number[] = [];
  const options = {
    limit,
    reserve: async (bytes: number) => void reserved.push(bytes),
    allocate: (bytes: number) => {
      allocated.push(bytes);
      return Buffer.alloc(bytes);
    },
  };
  return { reserved, allocated, options };
}

describe("kafka: limits of decompression", () => {
  for (const [name, { code, compressed }] of Object.entries(codecs)) {
    it(`${name}: reserves the exact size before it allocates`, async () => {
      const { reserved, allocated, options } = recording(SIZE);
      assert.deepEqual(await decompress(code, compressed, options), content);
      assert.deepEqual([reserved, allocated], [[SIZE], [SIZE]]);
    });

    it(`${name}: refuses a larger result without allocating memory`, async () => {
      const { allocated, options } = recording(SIZE - 1);
      await assert.rejects(decompress(code, compressed, options), BatchTooLarge);
      assert.deepEqual(allocated, []);
    });

    it(`${name}: refuses what is cut off`, async () => {
      const { options } = recording(SIZE * 2);
      await assert.rejects(decompress(code, compressed.subarray(0, compressed.length / 2), options));
    });
  }

  it("gzip: a declared size that is too small does not pass the limit", async () => {
    const lying = Buffer.from(codecs["gzip"]?.compressed ?? []);
    lying.writeUInt32LE(10, lying.length - 4);
    const { allocated, options } = recording(SIZE / 2);
    await assert.rejects(decompress(1, lying, options), BatchTooLarge);
    assert.deepEqual(allocated, [10, SIZE / 2], "the limit is less than the first guess");
  });

  it("gzip: reads several members", async () => {
    const members = Buffer.concat([gzipSync(content.subarray(0, 100)), gzipSync(content.subarray(100))]);
    const { options } = recording(SIZE);
    assert.deepEqual(await decompress(1, members, options), content);
  });

  it("lz4: computes the size of blocks that refer to earlier ones, without decompressing them", () => {
    assert.equal(parseLz4(compressFrameSync(content)).size, SIZE);
    assert.equal(
      parseLz4(Buffer.concat([compressFrameSync(content), compressFrameSync(content)])).size,
      2 * SIZE,
    );
    assert.throws(() => parseLz4(Buffer.from("no frame")), /not an LZ4 frame/);
  });

  it("zstd: finds an upper bound in the headers of the blocks, and the declared size", () => {
    assert.deepEqual([parseZstd(zstd(0)).most, parseZstd(zstd(0)).declared], [128 * 1024 + 10, false]);
    const declared = zstd(0x80, 1, 2, 0, 0);
    assert.deepEqual([parseZstd(declared).most, parseZstd(declared).declared], [513, true]);
    assert.throws(() => parseZstd(Buffer.from("no frame")), /not a zstd frame/);
    assert.throws(() => parseZstd(zstd(0).subarray(0, 9)));
  });

  it("zstd: stops at the limit when a frame does not declare its size", async () => {
    const { allocated, options } = recording(1000);
    await assert.rejects(decompress(4, zstd(0), options), BatchTooLarge);
    assert.deepEqual(allocated, [1000]);
  });

  it("zstd: allocates no more for the window than the content needs, whatever the frame declares", async () => {
    const large = zstd(0);
    // The exponent 20: a window of 1 GB.
    large.writeUInt8(20 << 3, 5);
    const before = process.memoryUsage().arrayBuffers;
    const { options } = recording(SIZE);
    assert.equal((await decompress(4, large, options)).length, 128 * 1024 + 10);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  });

  it("zstd: accepts the largest window that a frame can declare, as far as the content needs it", async () => {
    const largest = zstd(0);
    largest.writeUInt8(0xff, 5);
    const { options } = recording(SIZE);
    assert.equal((await decompress(4, largest, options)).length, 128 * 1024 + 10);
  });

  it("zstd: refuses weights of a Huffman tree that never end", () => {
    // A weight with the whole probability: alone, and after 5 without any.
    for (const weights of [
      [0b1111_0000, 0b0000_0011, 0xff, 0xff],
      [0b0001_0000, 0b1110_1110, 0b0000_0111, 0xff, 0xff],
    ]) {
      const content = [0b0000_0010, 0, 1, weights.length, ...weights, 0, 0];
      const header = (content.length << 3) | (2 << 1) | 1;
      const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 16, header, 0, 0, ...content]);
      assert.throws(() => parseZstd(frame), /a zstd frame is damaged/);
    }
  });

  it("zstd: throws its own error for a block that is larger than the window", async () => {
    const damaged = Buffer.from("28b52ffd00001800000000010208106153000062", "hex");
    await assert.rejects(
      decompress(4, damaged, recording(SIZE).options),
      (error) => (error as Error).constructor === Error,
    );
  });

  it("says that compressed records are truncated", async () => {
    for (const [code, compressed] of [
      [2, Buffer.of(0x80)],
      [3, (codecs["lz4"]?.compressed ?? Buffer.alloc(0)).subarray(0, 6)],
      [4, zstd(0).subarray(0, 6)],
    ] as const)
      await assert.rejects(
        decompress(code, compressed, recording(SIZE).options),
        /^Error: the compressed records of a batch are truncated/,
      );
  });

  it("refuses a codec that does not exist", async () => {
    await assert.rejects(decompress(5, content, recording(SIZE).options), /compression 5/);
  });
});
