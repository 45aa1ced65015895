// Limits how far V8 lets the heap grow beyond the live data, so that resident memory stays within the bounds of promise 8.

import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** The size from which the young generation no longer grows, in bytes. The limit of V8 is 32 MB, and 64 MB since Node.js 24. Node.js 20 grows to its limit. */
const YOUNG_BYTES = 16 * 1024 * 1024;

/**
 * Applies the limits. Called once, at the start of the process, before most of its code is loaded.
 *
 * - V8 otherwise lets garbage grow to two or three times the live data before it collects the old generation. Buffers of requests
 *   that were promoted to it would then push resident memory over its bound.
 * - The maximum of the young generation can only be set on the command line of Node.js, but the factor by which it grows can be
 *   set at any time: 1 stops the growth. V8 shrinks the young generation of an idle process, so that growth is allowed again
 *   below the limit.
 */
export function limitHeap(): void {
  setFlagsFromString("--heap-growing-percent=50");
  let factor = 0;
  const setFactor = (wanted: 1 | 2): void => {
    if (wanted !== factor) setFlagsFromString(`--semi-space-growth-factor=${wanted}`);
    factor = wanted;
  };
  setFactor(1);
  new PerformanceObserver(() => setFactor(youngBytes() < YOUNG_BYTES ? 2 : 1)).observe({
    entryTypes: ["gc"],
  });
}

const youngBytes = (): number =>
  getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? YOUNG_BYTES;
