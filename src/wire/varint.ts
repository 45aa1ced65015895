// Writes the zig-zag varints and varlongs of record batches (the encoding of Protocol Buffers).

/** The number of bytes of `value` as a 32-bit zig-zag varint. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

/** Writes a 32-bit zig-zag varint at `at`. @returns the position after it */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}

/** The number of bytes of the integer `value` as a 64-bit zig-zag varint. */
export function varlongSize(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return varintSize(value);
  let size = 1;
  for (let rest = zigzag64(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a 64-bit zig-zag varint at `at`. Exact for |value| < 2^52. @returns the position after it */
export function writeVarlong(target: Uint8Array, at: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(target, at, value);
  let rest = zigzag64(value);
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at] = rest;
  return at + 1;
}

// JavaScript shifts work on 32 bits, so this uses arithmetic.
const zigzag64 = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
