// Decompresses record batches of any producer: gzip with Node.js, snappy and lz4 with npm packages. zstd is
// decompressed by Node.js if it supports zstd, otherwise by an npm package in JavaScript.

import zlib from "node:zlib";
import { decompress as decompressFzstd } from "fzstd";
import { decompressFrameSync } from "lz4-napi";
import snappy from "snappy";

/**
 * The magic bytes of snappy-java (xerial framing). Two version numbers follow them, then the blocks. The
 * length of each block precedes it.
 */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER = 16;

/**
 * Decompresses the records of a batch.
 *
 * @param compression the number in the batch's attributes: 1 gzip, 2 snappy, 3 lz4, 4 zstd
 * @throws Error for another number, or when the codec cannot decode the bytes
 */
export function decompress(compression: number, compressed: Buffer): Buffer {
  switch (compression) {
    case 1:
      return zlib.gunzipSync(compressed);
    case 2:
      return decompressSnappy(compressed);
    case 3:
      return decompressFrameSync(compressed);
    case 4:
      return decompressZstd(compressed);
    default:
      throw new Error(`a batch has compression ${compression}; Onramp knows 1 (gzip) to 4 (zstd)`);
  }
}

function decompressSnappy(compressed: Buffer): Buffer {
  if (!compressed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return decompressBlock(compressed);
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < compressed.length; ) {
    const size = compressed.readInt32BE(at);
    blocks.push(decompressBlock(compressed.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return Buffer.concat(blocks);
}

const decompressBlock = (compressed: Buffer): Buffer =>
  snappy.uncompressSync(compressed, { asBuffer: true }) as Buffer;

function decompressZstd(compressed: Buffer): Buffer {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Buffer) => Buffer };
  return zstdDecompressSync ? zstdDecompressSync(compressed) : Buffer.from(decompressFzstd(compressed));
}
