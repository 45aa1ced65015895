// Decodes the bytes of a Fetch response into the records for a partition reader. Omits the records of aborted
// transactions and the records before the requested offset.

import type { ConsumedRecord } from "../../core/ports.ts";
import { type Batch, readBatches, readRecords } from "../../wire/record-batch-reader.ts";
import { decompress } from "./decompress.ts";

/** An aborted transaction: its producer and its first offset. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** The result of a fetch. */
export interface Fetched {
  readonly records: ConsumedRecord[];
  /** The offset for the next fetch: after the last batch, even if it contained no records for the reader. */
  readonly next: number;
}

/**
 * Decodes the part of a Fetch response for one partition, with the isolation level read_committed.
 *
 * @param from the offset that was requested; a batch may begin before it
 * @param aborted the aborted transactions in the response
 * @throws Error for a damaged batch or an unknown compression
 */
export function readFetched(
  { topic, partition, from }: { topic: string; partition: number; from: number },
  bytes: Buffer,
  aborted: readonly AbortedTransaction[],
): Fetched {
  const records: ConsumedRecord[] = [];
  const pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const abortedProducers = new Set<number>();
  let next = from;
  for (const batch of readBatches(bytes)) {
    const last = batch.baseOffset + batch.lastOffsetDelta;
    if (!batch.crcValid)
      throw new Error(`${topic}/${partition} has a damaged batch at offset ${batch.baseOffset}`);
    while (pending[0] && pending[0].firstOffset <= last)
      abortedProducers.add((pending.shift() as AbortedTransaction).producerId);
    if (batch.control) {
      if (isAbort(batch)) abortedProducers.delete(batch.producerId);
    } else if (!(batch.transactional && abortedProducers.has(batch.producerId))) {
      for (const record of readRecords(batch, decompress))
        if (record.offset >= from) records.push({ topic, partition, ...record });
    }
    next = Math.max(next, last + 1);
  }
  return { records, next };
}

/** Whether a control batch aborts a transaction. The key of its record is a version and a type; 0 is the abort type. */
function isAbort(batch: Batch): boolean {
  const [marker] = readRecords(batch, decompress);
  return marker?.key?.readInt16BE(2) === 0;
}
