// Records with a number each, and the check that a client of a stream has received each of them once.

import { strict as assert } from "node:assert";
import { produceWithKafkajs } from "./broker.ts";
import type { Stream } from "./event-sources.ts";

const KEYS = 10;

/** Produces the numbers from `from` to `to - 1`, with keys for all partitions. */
export function produceNumbers(brokers: string[], topic: string, from: number, to: number): Promise<void> {
  const messages = Array.from({ length: to - from }, (_, index) => {
    const n = from + index;
    return { key: `k${n % KEYS}`, value: JSON.stringify({ n }) };
  });
  return produceWithKafkajs(brokers, topic, messages);
}

interface NumberRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: { readonly n: number };
}

/** Waits for `count` numbers, from 0. Asserts that none is missing or repeated, and that they are in the order of their partitions. */
export async function assertNumbers(stream: Stream, count: number, timeoutMs?: number): Promise<void> {
  await stream.untilRecords(count, timeoutMs);
  const records = stream.data().map((data): NumberRecord => JSON.parse(data));
  const numbers = records.map(({ value }) => value.n);
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  );
  const next = new Map<number, number>();
  for (const { partition, offset } of records) {
    assert.equal(offset, next.get(partition) ?? 0, `the offset in partition ${partition}`);
    next.set(partition, offset + 1);
  }
}
