// Compresses record batches: gzip with Node.js, snappy and lz4 with npm packages, zstd where Node.js supports it.

import zlib from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import snappy from "snappy";
import type { BatchCompression } from "../../wire/record-batch.ts";

export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/**
 * The header of snappy-java (xerial framing): magic bytes and two version numbers. Blocks follow it. The
 * length of each block precedes it.
 */
const SNAPPY_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const SNAPPY_BLOCK = 32 * 1024;

/**
 * Returns the codec for the name of a compression; undefined for "none".
 *
 * @throws Error for zstd on a version of Node.js that does not support it (before 22.15)
 */
export function compressionOf(name: Compression): BatchCompression | undefined {
  switch (name) {
    case "none":
      return undefined;
    case "gzip":
      return { attribute: 1, compress: (records) => zlib.gzipSync(records) };
    case "snappy":
      return { attribute: 2, compress: compressSnappy };
    case "lz4":
      return { attribute: 3, compress: (records) => compressFrameSync(records) };
    case "zstd":
      return { attribute: 4, compress: zstdCompressor() };
  }
}

/** The codec of records that must be compressed. Every broker and client supports it. */
export const GZIP = compressionOf("gzip");

function compressSnappy(records: Buffer): Buffer {
  const parts: Buffer[] = [SNAPPY_HEADER];
  for (let at = 0; at < records.length; at += SNAPPY_BLOCK) {
    const block = snappy.compressSync(records.subarray(at, at + SNAPPY_BLOCK));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function zstdCompressor(): (records: Buffer) => Buffer {
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (records: Buffer) => Buffer };
  if (!zstdCompressSync) throw new Error("zstd needs Node.js 22.15 or later; choose gzip, snappy or lz4");
  return zstdCompressSync;
}
