// Makes inputs for decoders: random bytes, and mutated samples. The same seed makes the same input.

import { randomNumbers } from "../random-numbers.ts";
import type { FuzzTarget } from "./target.ts";

type Random = (n: number) => number;

const MOST = 64 * 1024;
/** Lengths and counts at the limits of their types. */
const NUMBERS = [
  0,
  1,
  -1,
  127,
  -128,
  255,
  256,
  32767,
  -32768,
  65535,
  65536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 24,
];

/** Makes the input of a target for a seed. */
export function inputOf({ samples, words = [], most = MOST }: FuzzTarget, seed: number): Buffer {
  const random = randomNumbers(seed);
  if (random(10) === 0) return randomBytes(random, random(300));
  let input = samples[random(samples.length)] as Buffer;
  for (let left = random(5); left > 0; left--) {
    const mutate = MUTATIONS[random(MUTATIONS.length)] as Mutation;
    input = mutate(input, random, { samples, words, most }).subarray(0, most);
  }
  return Buffer.from(input);
}

type Mutation = (
  input: Buffer,
  random: Random,
  target: Required<Pick<FuzzTarget, "samples" | "words" | "most">>,
) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  // Changes some bytes.
  (input, random) => {
    const changed = Buffer.from(input);
    for (let left = 1 + random(4); left > 0 && changed.length > 0; left--)
      changed[random(changed.length)] = random(3) === 0 ? 0xff : random(256);
    return changed;
  },
  // Changes one bit.
  (input, random) => {
    const changed = Buffer.from(input);
    const at = random(changed.length);
    if (changed.length > 0) changed[at] = (changed[at] as number) ^ (1 << random(8));
    return changed;
  },
  // Replaces a number of 2 or 4 bytes, big-endian or little-endian.
  (input, random) => {
    if (input.length < 4) return input;
    const changed = Buffer.from(input);
    const number = NUMBERS[random(NUMBERS.length)] as number;
    const at = random(input.length - 3);
    if (random(2) === 0) changed.writeInt16BE((number << 16) >> 16, at);
    else if (random(3) === 0) changed.writeInt32LE(number, at);
    else changed.writeInt32BE(number, at);
    return changed;
  },
  (input, random) => input.subarray(0, random(input.length + 1)),
  // Removes a part.
  (input, random) => replaced(input, random, Buffer.alloc(0), random(20)),
  (input, random) => replaced(input, random, randomBytes(random, 1 + random(16)), random(4)),
  (input, random, { words }) => {
    const word = words[random(words.length)] ?? "\0";
    return replaced(input, random, Buffer.from(word), random(3));
  },
  // Combines two samples.
  (input, random, { samples }) => {
    const other = samples[random(samples.length)] as Buffer;
    return Buffer.concat([
      input.subarray(0, random(input.length + 1)),
      other.subarray(random(other.length + 1)),
    ]);
  },
  // Repeats a part, now and then up to the maximum size: work that grows faster than the input shows.
  (input, random, { most }) => {
    const from = random(input.length);
    const part = input.subarray(from, from + 1 + random(Math.min(40, input.length)));
    const size = random(20) === 0 ? most : random(Math.min(2000, most));
    return replaced(input, random, Buffer.alloc(size, part.length > 0 ? part : "a"), 0);
  },
];

/** Replaces `count` bytes at a random position. */
function replaced(input: Buffer, random: Random, by: Buffer, count: number): Buffer {
  const at = random(input.length + 1);
  return Buffer.concat([input.subarray(0, at), by, input.subarray(at + count)]);
}

const randomBytes = (random: Random, size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, () => random(256)));
