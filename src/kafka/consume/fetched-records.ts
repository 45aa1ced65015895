// From the bytes of a Fetch answer to records that a reader may see: whole batches, committed transactions only,
// nothing in front of where the reader stands.

import type { ConsumedRecord } from "../../core/ports.ts";
import { type Batch, readBatches, readRecords } from "../../wire/record-batch-reader.ts";
import { decompress } from "./decompress.ts";

/** A transaction that was aborted, by its producer and where it began. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** What came of a fetch. */
export interface Fetched {
  readonly records: ConsumedRecord[];
  /** Where to go on: behind what was read, records or not. */
  readonly next: number;
}

/**
 * Reads a partition's share of a Fetch answer (read_committed).
 *
 * @param from where the reader stands
 * @throws Error for a batch that is damaged or packed in a way that nobody knows
 */
export function readFetched(
  { topic, partition, from }: { topic: string; partition: number; from: number },
  bytes: Buffer,
  aborted: readonly AbortedTransaction[],
): Fetched {
  const records: ConsumedRecord[] = [];
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const dropped = new Set<number>();
  let next = from;
  for (const batch of readBatches(bytes)) {
    const last = batch.baseOffset + batch.lastOffsetDelta;
    if (!batch.crcValid)
      throw new Error(`${topic}/${partition} holds a damaged batch at ${batch.baseOffset}`);
    while (waiting[0] && waiting[0].firstOffset <= last)
      dropped.add((waiting.shift() as AbortedTransaction).producerId);
    if (batch.control) {
      if (isAbort(batch)) dropped.delete(batch.producerId);
    } else if (!(batch.transactional && dropped.has(batch.producerId))) {
      for (const record of readRecords(batch, decompress))
        if (record.offset >= from) records.push({ topic, partition, ...record });
    }
    next = Math.max(next, last + 1);
  }
  return { records, next };
}

/** A control record's key is a version and a type: 0 ends a transaction by aborting it. */
function isAbort(batch: Batch): boolean {
  const [marker] = readRecords(batch, decompress);
  return marker?.key?.readInt16BE(2) === 0;
}
