// Unpacks batches that anybody wrote: gzip from Node, snappy and lz4 from npm, zstd from Node where it has it and
// from npm (pure JavaScript) where not.

import zlib from "node:zlib";
import { decompress as unpackZstd } from "fzstd";
import { decompressFrameSync } from "lz4-napi";
import snappy from "snappy";

/** As Java's snappy writes it: magic, two versions, then blocks behind their lengths. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER = 16;

/**
 * The records of a batch.
 *
 * @param compression the number in the batch's attributes: 1 gzip, 2 snappy, 3 lz4, 4 zstd
 * @throws what the codec throws on bytes that are not its own
 */
export function decompress(compression: number, packed: Buffer): Buffer {
  switch (compression) {
    case 1:
      return zlib.gunzipSync(packed);
    case 2:
      return unpackSnappy(packed);
    case 3:
      return decompressFrameSync(packed);
    case 4:
      return zstd(packed);
    default:
      throw new Error(`a batch with compression ${compression}, which Kafka does not name`);
  }
}

function unpackSnappy(packed: Buffer): Buffer {
  if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return plainSnappy(packed);
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < packed.length; ) {
    const size = packed.readInt32BE(at);
    blocks.push(plainSnappy(packed.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return Buffer.concat(blocks);
}

const plainSnappy = (packed: Buffer): Buffer => snappy.uncompressSync(packed, { asBuffer: true }) as Buffer;

function zstd(packed: Buffer): Buffer {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Buffer) => Buffer };
  return zstdDecompressSync ? zstdDecompressSync(packed) : Buffer.from(unpackZstd(packed));
}
