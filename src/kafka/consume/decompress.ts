// Decompresses record batches of any producer: gzip with Node.js, snappy with an npm package, lz4 and zstd frame by
// frame. Every codec limits the size of the result before it allocates memory.

import zlib from "node:zlib";
import snappy from "snappy";
import { yieldToEventLoop } from "../../core/time.ts";
import { decompressLz4, parseLz4 } from "./lz4-frame.ts";
import { decompressZstd, exceeded, parseZstd } from "./zstd-frame.ts";

/**
 * The magic bytes of snappy-java (xerial framing). Two version numbers follow them, then the blocks. The
 * length of each block precedes it.
 */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER = 16;

/** The memory with which the decompression of a frame begins that does not declare its size, in bytes. */
const FIRST_GUESS = 4 * 1024 * 1024;

/** The decompressed size of a batch exceeds the limit. */
export class BatchTooLarge extends Error {
  override readonly name = "BatchTooLarge";
}

export interface DecompressOptions {
  /** The largest accepted result, in bytes. */
  readonly limit: number;
  /** Called before memory is allocated, with the number of bytes that are needed. A second call replaces the first. */
  readonly reserve: (bytes: number) => Promise<void>;
  /** Returns memory of at least `bytes` bytes, after `reserve`. */
  readonly allocate: (bytes: number) => Buffer;
}

/**
 * Decompresses the records of a batch. The result is a part of the memory of the last call of `allocate`.
 *
 * @param compression the number in the batch's attributes: 1 gzip, 2 snappy, 3 lz4, 4 zstd
 * @throws BatchTooLarge; Error for another number, or when the codec cannot decode the bytes; the error of `reserve`
 */
export async function decompress(
  compression: number,
  compressed: Buffer,
  options: DecompressOptions,
): Promise<Buffer> {
  try {
    return await decodeWith(compression, compressed, options);
  } catch (error) {
    if (!isOutside(error)) throw error;
    throw new Error(`the compressed records of a batch are truncated (compression ${compression})`);
  }
}

async function decodeWith(
  compression: number,
  compressed: Buffer,
  options: DecompressOptions,
): Promise<Buffer> {
  switch (compression) {
    case 1:
      return decompressGzip(compressed, options);
    case 2:
      return decompressSnappy(compressed, options);
    case 3: {
      const frames = parseLz4(compressed);
      await reserve(frames.size, options);
      return decompressLz4(frames, options.allocate(frames.size));
    }
    case 4: {
      const frames = parseZstd(compressed);
      if (!frames.declared)
        return growing(frames.most, options, (content) => decompressZstd(frames, content));
      await reserve(frames.most, options);
      return decompressZstd(frames, options.allocate(frames.most)).catch(asTooLarge(frames.most));
    }
    default:
      throw new Error(`a batch has compression ${compression}; Onramp knows 1 (gzip) to 4 (zstd)`);
  }
}

async function reserve(size: number, options: DecompressOptions): Promise<void> {
  if (size > options.limit) throw tooLarge(`${size} bytes`);
  await options.reserve(size);
}

const tooLarge = (size: string): BatchTooLarge =>
  new BatchTooLarge(`a batch has ${size} after decompression`);

/** The last four bytes of a gzip member are the size of its content modulo 2^32 (RFC 1952, section 2.3.1). */
async function decompressGzip(compressed: Buffer, options: DecompressOptions): Promise<Buffer> {
  if (compressed.length < 18) throw new Error("not a gzip member");
  const declared = compressed.readUInt32LE(compressed.length - 4);
  await reserve(declared, options);
  try {
    return await gunzip(compressed, options.allocate(declared).subarray(0, declared));
  } catch (error) {
    if (!isTooLarge(error)) throw error;
  }
  // There are several members, or the size is wrong.
  return growing(options.limit, options, (content) => gunzip(compressed, content));
}

/**
 * Decompresses with more and more memory, up to `most` and the limit. For frames that do not declare their size.
 *
 * @throws BatchTooLarge when the content exceeds the limit
 */
async function growing(
  most: number,
  options: DecompressOptions,
  run: (content: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  const last = Math.min(most, options.limit);
  for (let size = Math.min(FIRST_GUESS, last); ; size = Math.min(size * 4, last)) {
    await options.reserve(size);
    try {
      return await run(options.allocate(size).subarray(0, size));
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      if (size >= last) throw tooLarge(`more than ${last} bytes`);
    }
  }
}

function gunzip(compressed: Buffer, content: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = zlib.createGunzip();
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      if (size + chunk.length > content.length) return void stream.destroy(exceeded());
      size += chunk.copy(content, size);
    });
    stream.on("end", () => resolve(content.subarray(0, size)));
    stream.on("error", reject);
    stream.end(compressed);
  });
}

const asTooLarge = (size: number) => (error: unknown) => {
  throw isTooLarge(error) ? tooLarge(`more than ${size} bytes`) : error;
};

const isTooLarge = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";

/** Whether a codec read a number after the end of its bytes. */
const isOutside = (error: unknown): boolean =>
  ["ERR_OUT_OF_RANGE", "ERR_BUFFER_OUT_OF_BOUNDS"].includes((error as NodeJS.ErrnoException).code ?? "");

async function decompressSnappy(compressed: Buffer, options: DecompressOptions): Promise<Buffer> {
  const blocks = snappyBlocks(compressed);
  const sizes = blocks.map(snappySize);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  await reserve(size, options);
  const content = options.allocate(size);
  let at = 0;
  for (const block of blocks) {
    at += ((await snappy.uncompress(block, { asBuffer: true })) as Buffer).copy(content, at);
    await yieldToEventLoop();
  }
  return content.subarray(0, at);
}

function snappyBlocks(compressed: Buffer): Buffer[] {
  if (!compressed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [compressed];
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < compressed.length; ) {
    const size = compressed.readInt32BE(at);
    if (size < 0 || at + 4 + size > compressed.length) throw new Error("a snappy block is incomplete");
    blocks.push(compressed.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return blocks;
}

/** The size of a block's content: the varint at its start (snappy/format_description.txt, section 1). */
function snappySize(block: Buffer): number {
  let size = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block.readUInt8(at);
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return size;
  }
  throw new Error("a snappy block declares no valid size");
}
