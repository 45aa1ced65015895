// Decodes LZ4 frames (lz4/doc/lz4_Frame_format.md) block by block, so that the size of the result is known and limited
// before any memory is allocated. Header checksums are ignored: clients before Kafka 0.10 computed them wrongly
// (KAFKA-3160), and the checksum of the batch covers the frame.

import { uncompressSync } from "lz4-napi";
import { yieldToEventLoop } from "../../core/time.ts";

const MAGIC = 0x184d2204;
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const DICTIONARY_ID = 0x01;
const STORED = 0x80000000;
/** A block can refer to this many bytes before it, if blocks are not independent. */
const WINDOW = 64 * 1024;

interface Block {
  readonly bytes: Buffer;
  /** The block is not compressed. */
  readonly stored: boolean;
  /** The size of the content, in bytes. */
  readonly size: number;
}

/** The parsed frames of a batch. */
export interface Lz4Frames {
  /** The size of the content, in bytes. */
  readonly size: number;
  readonly blocks: readonly (Block & { readonly linked: boolean })[];
}

/** Parses one or more frames, without decompressing them. @throws Error when they are damaged */
export function parseLz4(compressed: Buffer): Lz4Frames {
  const blocks: (Block & { linked: boolean })[] = [];
  let at = 0;
  while (at < compressed.length) {
    if (compressed.readUInt32LE(at) !== MAGIC) throw new Error("not an LZ4 frame");
    const flags = compressed.readUInt8(at + 4);
    at += 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY_ID ? 4 : 0);
    let first = true;
    for (;;) {
      const word = compressed.readUInt32LE(at);
      at += 4;
      if (word === 0) break;
      const stored = word >= STORED;
      const length = stored ? word - STORED : word;
      const bytes = compressed.subarray(at, at + length);
      if (bytes.length < length) throw new Error("an LZ4 frame ends in the middle of a block");
      const size = stored ? length : sizeOfBlock(bytes);
      blocks.push({ bytes, stored, size, linked: !first && (flags & INDEPENDENT) === 0 });
      first = false;
      at += length + (flags & BLOCK_CHECKSUM ? 4 : 0);
    }
    if (flags & 0x04) at += 4;
  }
  return { size: blocks.reduce((sum, { size }) => sum + size, 0), blocks };
}

/** Decompresses parsed frames into `content`, which has room for them. @throws Error when they are damaged */
export async function decompressLz4({ size, blocks }: Lz4Frames, content: Buffer): Promise<Buffer> {
  let at = 0;
  for (const block of blocks) {
    if (block.stored) block.bytes.copy(content, at);
    else {
      const prefixed = Buffer.allocUnsafe(4 + block.bytes.length);
      prefixed.writeUInt32LE(block.size);
      block.bytes.copy(prefixed, 4);
      const dictionary = block.linked
        ? Buffer.from(content.subarray(Math.max(0, at - WINDOW), at))
        : undefined;
      uncompressSync(prefixed, dictionary).copy(content, at);
    }
    at += block.size;
    await yieldToEventLoop();
  }
  return content.subarray(0, size);
}

/**
 * Computes the size of the content of a block from the lengths in its sequences (lz4/doc/lz4_Block_format.md).
 *
 * @throws RangeError when the block ends in the middle of a sequence
 */
function sizeOfBlock(block: Buffer): number {
  let size = 0;
  let at = 0;
  const extended = (length: number): number => {
    let total = length;
    if (length === 15)
      for (let more = 255; more === 255; total += more) {
        more = block.readUInt8(at);
        at++;
      }
    return total;
  };
  while (at < block.length) {
    const token = block.readUInt8(at);
    at++;
    const literals = extended(token >> 4);
    at += literals;
    size += literals;
    if (at >= block.length) break;
    at += 2;
    size += extended(token & 15) + 4;
  }
  return size;
}
