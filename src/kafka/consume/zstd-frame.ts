// Reads the headers of zstd frames (RFC 8878, section 3.1): where blocks begin, and an upper bound of the size of their content.
// Decompresses frames piece by piece where Node.js has no zstd.

import type { Duplex } from "node:stream";
import zlib from "node:zlib";
import { Decompress } from "fzstd";
import { yieldToEventLoop } from "../../core/time.ts";
import { hasEndlessWeights } from "./zstd-weights.ts";

const MAGIC = 0xfd2fb528;
/** The bit of the frame header descriptor that says that the header has no window descriptor. */
const SINGLE_SEGMENT = 0x20;
/** The position of the window descriptor, and the binary logarithm of the smallest window. */
const [WINDOW_AT, MIN_WINDOW_LOG] = [5, 10];
const SKIPPABLE = 0x184d2a50;
const MAX_BLOCK_SIZE = 128 * 1024;
/** The content of the blocks that are decompressed at once, in bytes. */
const PIECE = 512 * 1024;
/** The size of the field with the content size, by the first two bits of the frame header descriptor. */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];

/** A frame, and the ends of its pieces. A piece is a group of blocks. */
interface Frame {
  readonly start: number;
  readonly pieces: readonly number[];
  /** An upper bound for the size of its content, in bytes. */
  readonly most: number;
}

/** The parsed frames of a batch. */
export interface ZstdFrames {
  readonly bytes: Buffer;
  /** An upper bound for the size of the content, in bytes. */
  readonly most: number;
  /** Every frame declares the size of its content, so that `most` is exact. */
  readonly declared: boolean;
  readonly frames: readonly Frame[];
}

/** Parses one or more frames, without decompressing them. @throws Error when they are damaged */
export function parseZstd(bytes: Buffer): ZstdFrames {
  const frames: Frame[] = [];
  let most = 0;
  let allDeclared = true;
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const magic = bytes.readUInt32LE(at);
    if (magic >>> 4 === SKIPPABLE >>> 4) {
      at += 8 + bytes.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== MAGIC) throw new Error("not a zstd frame");
    const descriptor = bytes.readUInt8(at + 4);
    const single = (descriptor & SINGLE_SEGMENT) !== 0;
    const sizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6] || (single ? 1 : 0);
    at += 5 + (single ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0);
    const declared = sizeBytes === 0 ? undefined : contentSize(bytes, at, sizeBytes);
    at += sizeBytes;
    const pieces: number[] = [];
    let [total, piece] = [0, 0];
    for (let last = false; !last; ) {
      const header = bytes.readUIntLE(at, 3);
      last = (header & 1) === 1;
      const [type, size] = [(header >> 1) & 3, header >> 3];
      if (type === 2 && hasEndlessWeights(bytes, at + 3)) throw new Error("a zstd frame is damaged");
      // A block of type 1 is one byte that is repeated.
      at += 3 + (type === 1 ? 1 : size);
      if (at > bytes.length) throw new Error("a zstd frame ends in the middle of a block");
      const content = type === 2 ? MAX_BLOCK_SIZE : size;
      [total, piece] = [total + content, piece + content];
      if (piece >= PIECE || last) {
        pieces.push(at);
        piece = 0;
      }
    }
    if (descriptor & 4) at += 4;
    pieces[pieces.length - 1] = at;
    most += declared ?? total;
    allDeclared &&= declared !== undefined;
    frames.push({ start, pieces, most: declared ?? total });
  }
  return { bytes, most, declared: allDeclared, frames };
}

function contentSize(bytes: Buffer, at: number, size: number): number {
  if (size === 8) return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  return bytes.readUIntLE(at, size) + (size === 2 ? 256 : 0);
}

/** Creates an error with the code that Node.js uses for content that exceeds its limit. */
export const exceeded = (): Error =>
  Object.assign(new Error("the content exceeds its limit"), { code: "ERR_BUFFER_TOO_LARGE" });

/** A zstd stream of Node.js 22.15 or later. */
type CreateZstd = () => Duplex;

/**
 * Decompresses parsed frames into `content`.
 *
 * @returns the part of `content` that was written
 * @throws `exceeded` when `content` is too small; Error when the frames are damaged
 */
export async function decompressZstd({ bytes, frames }: ZstdFrames, content: Buffer): Promise<Buffer> {
  const source = withSmallWindows(bytes, frames);
  let size = 0;
  const add = (chunk: Uint8Array): void => {
    if (size + chunk.length > content.length) throw exceeded();
    content.set(chunk, size);
    size += chunk.length;
  };
  const { createZstdDecompress } = zlib as { createZstdDecompress?: CreateZstd };
  if (createZstdDecompress) {
    const stream = createZstdDecompress();
    stream.end(source);
    for await (const chunk of stream) add(chunk as Buffer);
    return content.subarray(0, size);
  }
  for (const { start, pieces } of frames) {
    const decompressor = new Decompress(add);
    let from = start;
    for (const to of pieces) {
      push(decompressor, source.subarray(from, to), to === pieces.at(-1));
      from = to;
      await yieldToEventLoop();
    }
  }
  return content.subarray(0, size);
}

/** Decompresses a piece. fzstd does not check all numbers of a damaged frame before it uses them. */
function push(decompressor: Decompress, piece: Buffer, isLast: boolean): void {
  try {
    decompressor.push(piece, isLast);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError)
      throw new Error("a zstd frame is damaged", { cause: error });
    throw error;
  }
}

/**
 * Reduces the windows of frames to the size of their content. A decompressor allocates the whole window, and a frame of 20 bytes may
 * declare one of 2 GB.
 */
function withSmallWindows(bytes: Buffer, frames: readonly Frame[]): Buffer {
  let changed: Buffer | undefined;
  for (const { start, most } of frames) {
    const enough = Math.max(0, Math.ceil(Math.log2(most)) - MIN_WINDOW_LOG);
    const hasWindow = (bytes.readUInt8(start + 4) & SINGLE_SEGMENT) === 0;
    if (!hasWindow || bytes.readUInt8(start + WINDOW_AT) >> 3 <= enough) continue;
    changed ??= Buffer.from(bytes);
    changed.writeUInt8(enough << 3, start + WINDOW_AT);
  }
  return changed ?? bytes;
}
