// Finds zstd blocks that fzstd would decode without an end (RFC 8878, sections 3.1.1.3.1 and 4.2.1).

/** The type of a literals section that has its own Huffman tree. */
const COMPRESSED = 2;
/** The bytes of the header of such a section, by its size format. */
const HEADER_BYTES = [3, 3, 4, 5];
/** From this byte on, the weights of the tree are not compressed. */
const DIRECT = 128;

/**
 * Whether the weights of the Huffman tree of a compressed block never end. They are compressed with FSE; if one weight has the
 * whole probability, then none of them takes a bit, and their number has no bound. No encoder writes such a block.
 *
 * @param at the position of the content of the block in `bytes`
 */
export function hasEndlessWeights(bytes: Buffer, at: number): boolean {
  const first = bytes[at] ?? 0;
  const weights = at + (HEADER_BYTES[(first >> 2) & 3] as number);
  if ((first & 3) !== COMPRESSED || (bytes[weights] ?? DIRECT) >= DIRECT) return false;
  const bits = new Bits(bytes, weights + 1);
  const log = bits.take(4) + 5;
  // Weights of no probability, then one of the whole probability, for which all bits are set.
  while (bits.peek(log + 1) !== (1 << (log + 1)) - 1) {
    if (bits.take(log) !== 1) return false;
    // How many more weights have no probability, two bits each.
    while (bits.take(2) === 3);
  }
  return true;
}

/** Bits of a buffer, from the lowest of each byte on. Zeros follow its end. */
class Bits {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = 8 * at;
  }

  /** @param count at most 17 */
  peek(count: number): number {
    const [at, bytes] = [this.#at >> 3, this.#bytes];
    const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return (word >> (this.#at & 7)) & ((1 << count) - 1);
  }

  take(count: number): number {
    const value = this.peek(count);
    this.#at += count;
    return value;
  }
}
