// Compression of batches by their attribute number: gzip from Node, snappy and lz4 from npm, zstd where Node has it.

import zlib from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import snappy from "snappy";
import type { BatchCompression } from "../../wire/record-batch.ts";

export type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** As Java's snappy writes it (xerial framing): magic, two versions, then blocks behind their lengths. */
const SNAPPY_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const SNAPPY_BLOCK = 32 * 1024;

/**
 * The codec that a batch is packed with; undefined for none.
 *
 * @throws Error for zstd on a Node that has none (before 22.15)
 */
export function compressionOf(name: Compression): BatchCompression | undefined {
  switch (name) {
    case "none":
      return undefined;
    case "gzip":
      return { attribute: 1, compress: (records) => zlib.gzipSync(records) };
    case "snappy":
      return { attribute: 2, compress: packSnappy };
    case "lz4":
      return { attribute: 3, compress: (records) => compressFrameSync(records) };
    case "zstd":
      return { attribute: 4, compress: zstd() };
  }
}

function packSnappy(records: Buffer): Buffer {
  const parts: Buffer[] = [SNAPPY_HEADER];
  for (let at = 0; at < records.length; at += SNAPPY_BLOCK) {
    const block = snappy.compressSync(records.subarray(at, at + SNAPPY_BLOCK));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function zstd(): (records: Buffer) => Buffer {
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (records: Buffer) => Buffer };
  if (!zstdCompressSync) throw new Error("zstd needs Node 22.15 or newer; choose gzip, snappy or lz4");
  return zstdCompressSync;
}
