// Limits how far V8 lets the heap grow beyond the live data, so that resident memory stays within the bounds of promise 8.

import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** The size from which the young generation no longer grows, in bytes. */
const YOUNG_BYTES = 16 * 1024 * 1024;
/** The interval of the checks of the size, in milliseconds. Some collections in between may let it grow once more. */
const CHECK_MS = 100;

/**
 * Applies the limits. Called once, at the start of the process, before most of its code is loaded.
 *
 * - V8 otherwise lets garbage grow to two or three times the live data before it collects the old generation. Buffers of requests
 *   that were promoted to it would then push resident memory over its bound.
 * - From Node.js 22 on, the young generation is limited to 16 MB: in Node.js 24 it grows to 64 MB. Its maximum can only be set on
 *   the command line of Node.js, but the factor by which it grows can be set at any time: 1 stops the growth. V8 shrinks the young
 *   generation of an idle process, so that growth is allowed again below the limit.
 *
 * @param node the major version of Node.js. In 20, the factor has no effect, and the maximum is 32 MB
 */
export function limitHeap(node: number): void {
  setFlagsFromString("--heap-growing-percent=50");
  if (node < 22) return;
  let factor = 0;
  const setFactor = (wanted: 1 | 2): void => {
    if (wanted !== factor) setFlagsFromString(`--semi-space-growth-factor=${wanted}`);
    factor = wanted;
  };
  setFactor(1);
  setInterval(() => setFactor(youngBytes() < YOUNG_BYTES ? 2 : 1), CHECK_MS).unref();
}

const youngBytes = (): number =>
  getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? YOUNG_BYTES;
