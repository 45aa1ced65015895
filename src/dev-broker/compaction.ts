// Compacts the log of a partition, with the rules of Kafka's log cleaner for transactions.

import { gunzipSync } from "node:zlib";
import { type Batch, readBatch, readRecords } from "../wire/record-batch-reader.ts";
import type { StoredBatch } from "./append-checks.ts";
import type { TransactionIndex } from "./transaction-index.ts";

/**
 * Returns the batches that compaction keeps: those with the last record of a key, control batches, and all batches from
 * `stableOffset` on, whose transactions may still be aborted. The batches of aborted transactions are not kept, and do not
 * replace earlier records.
 */
export function compacted(
  batches: readonly StoredBatch[],
  stableOffset: number,
  transactions: TransactionIndex,
): StoredBatch[] {
  const latest = new Map<string, number>();
  const entries = batches.map((stored) => {
    const batch = readBatch(stored.bytes);
    const { baseOffset, producerId, transactional, control, compression } = batch;
    // The keys of a codec other than gzip cannot be read.
    if (control || baseOffset >= stableOffset || compression > 1) return { stored };
    const aborted = transactional && transactions.isAborted(producerId, baseOffset);
    const keys = aborted ? [] : keysOf(batch);
    for (const { key, offset } of keys) latest.set(key, offset);
    return { stored, keys };
  });
  return entries
    .filter(({ keys }) => keys?.some(({ key, offset }) => latest.get(key) === offset) ?? true)
    .map(({ stored }) => stored);
}

function keysOf(batch: Batch): { key: string; offset: number }[] {
  const records = readRecords(batch, (_, compressed) => gunzipSync(compressed));
  return records.map(({ key, offset }) => ({ key: key?.toString("base64") ?? "", offset }));
}
