// Runs decoders on inputs, and reports those that harm the process.

import v8 from "node:v8";
import { collectGarbage } from "../garbage.ts";
import { inputOf } from "./inputs.ts";
import type { FuzzTarget } from "./target.ts";

/** How often a decode that exceeds a limit is repeated. */
const ATTEMPTS = 3;

export interface FuzzLimits {
  /** How much time of the processor one decode may take, in milliseconds: other processes share the machine. */
  readonly ms: number;
  /** How much the heap and the memory of buffers may grow in one decode, in bytes. */
  readonly bytes: number;
}

/** The most that one decode of a target needed. */
export interface Cost {
  ms: number;
  bytes: number;
  /** The number of inputs. */
  inputs: number;
}

/** Decodes the inputs of `count` seeds from `seed` on. @returns the findings, one sentence each */
export async function fuzz(
  target: FuzzTarget,
  { seed, count }: { readonly seed: number; readonly count: number },
  limits: FuzzLimits,
  cost: Cost,
): Promise<string[]> {
  const findings: string[] = [];
  for (let n = seed; n < seed + count; n++) {
    const input = inputOf(target, n);
    let found = await measure(target, input);
    // The collection of earlier garbage can take the time.
    for (let left = ATTEMPTS; left > 0 && (found.ms > limits.ms || found.bytes > limits.bytes); left--) {
      collectGarbage();
      const again = await measure(target, input);
      found = { ...again, ms: Math.min(found.ms, again.ms), bytes: Math.min(found.bytes, again.bytes) };
    }
    cost.ms = Math.max(cost.ms, found.ms);
    cost.bytes = Math.max(cost.bytes, found.bytes);
    cost.inputs++;
    const faults = [
      ...(found.error === undefined ? [] : [`threw ${found.error}`]),
      ...(found.ms > limits.ms ? [`took ${Math.round(found.ms)} ms`] : []),
      ...(found.bytes > limits.bytes ? [`needed ${Math.round(found.bytes / 2 ** 20)} MB`] : []),
    ];
    for (const fault of faults)
      findings.push(`${target.name}, seed ${n}: ${fault}; ${input.length} bytes: ${excerpt(input)}`);
  }
  return findings;
}

interface Measured {
  readonly ms: number;
  readonly bytes: number;
  /** An error that the decoder may not throw. */
  readonly error: string | undefined;
  /** Not collected while the memory is measured. */
  readonly result: unknown;
}

async function measure(target: FuzzTarget, input: Buffer): Promise<Measured> {
  let result: unknown;
  let error: string | undefined;
  const before = memoryInUse();
  const began = performance.now();
  const cpu = process.cpuUsage();
  try {
    result = target.decode(input);
    if (result instanceof Promise) result = await result;
  } catch (thrown) {
    result = thrown;
    if (!target.allows?.(thrown)) error = thrown instanceof Error ? placeOf(thrown) : String(thrown);
  }
  const elapsed = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const ms = Math.min(elapsed, (user + system) / 1000);
  const bytes = memoryInUse() - before;
  return { ms, bytes, error, result };
}

function memoryInUse(): number {
  const { used_heap_size, external_memory } = v8.getHeapStatistics();
  return used_heap_size + external_memory;
}

/** The error, and the line of the sources that threw it. */
const placeOf = ({ stack = "" }: Error): string => {
  const lines = stack.split("\n");
  return `${lines[0]}${lines.find((line) => line.includes("/src/"))?.replace(/.*\/src\//, " at src/") ?? ""}`;
};
const excerpt = (input: Buffer): string => JSON.stringify(input.subarray(0, 120).toString("latin1"));
