// Limits how far V8 lets the heap grow beyond the live data, so that resident memory stays within the bounds of promise 8.

import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** The size from which the young generation no longer grows, in bytes. */
const YOUNG_BYTES = 16 * 1024 * 1024;
/** The interval of the checks of the size, in milliseconds: each takes about 0.2 ms. */
const CHECK_MS = 500;
/** How long a young generation that is smaller may grow after a check, in milliseconds. */
const GROWTH_MS = 50;

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
  const setFactor = (factor: 1 | 2): void => setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  setFactor(1);
  setInterval(() => {
    if (youngBytes() >= YOUNG_BYTES) return;
    setFactor(2);
    setTimeout(setFactor, GROWTH_MS, 1).unref();
  }, CHECK_MS).unref();
}

const youngBytes = (): number =>
  getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? YOUNG_BYTES;
