// Assigns the records of a transaction to partitions, checks them against the limits of their topics, and plans the batches of the
// Produce requests.

import { elementAt } from "../../core/element.ts";
import { OnrampError } from "../../core/errors.ts";
import type { PreparedRecord } from "../../core/record.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import {
  BATCH_OVERHEAD,
  type BatchCompression,
  encodeBatch,
  recordSizeBound,
} from "../../wire/record-batch.ts";
import type { TopicState } from "../client/metadata.ts";
import { groupBy, partitionName, type TopicPartition } from "../client/topic-partition.ts";
import { GZIP } from "./compression.ts";
import { partitionForKey, StickyPartitioner } from "./partitioner.ts";
import { faultsOf } from "./split-request.ts";

/** The records of a transaction for one partition, in order. */
export interface PartitionRecords extends TopicPartition {
  /** The indexes of the records in the transaction. */
  readonly indexes: readonly number[];
}

/** The records of one batch, which is not encoded yet. */
export interface PlannedBatch extends PartitionRecords {
  /** The upper bound of the encoded size, in bytes. */
  readonly size: number;
  readonly compression: BatchCompression | undefined;
}

/** A part to which records are added. */
interface GrowingRecords extends PartitionRecords {
  readonly indexes: number[];
}

/** Larger records are not compressed to make them fit, because that would block the event loop for too long. In bytes. */
const MAX_COMPRESSED = 2 * 1024 * 1024;
/** The number of records that are assigned in one turn of the event loop. */
const SLICE = 1000;

/** Selects the partitions of records. Records without a key go to one partition until enough bytes were written to it. */
export class RecordPartitioner {
  readonly #sticky = new Map<string, StickyPartitioner>();

  /**
   * @param stateOf returns the state of a topic of the records
   * @param compressed whether all batches are compressed
   * @returns the records by partition, and the errors of records that their topics would refuse, by index
   */
  async assign(
    records: readonly PreparedRecord[],
    stateOf: (topic: string) => TopicState,
    compressed: boolean,
  ): Promise<{
    readonly parts: readonly PartitionRecords[];
    readonly faults: ReadonlyMap<number, OnrampError>;
  }> {
    const parts = new Map<string, GrowingRecords>();
    const faults = new Map<number, OnrampError>();
    for (let from = 0; from < records.length; from += SLICE) {
      await yieldToEventLoop();
      const slice = records.slice(from, from + SLICE);
      for (const [topic, places] of groupBy([...slice.keys()], (n) => elementAt(slice, n).topic)) {
        const own = places.map((n) => elementAt(slice, n));
        const indexes = places.map((n) => from + n);
        const partitions = own.map((each) => this.#partitionOf(stateOf(topic), each));
        noteFaults(faults, stateOf(topic), own, partitions, indexes, compressed);
        for (const [n, partition] of partitions.entries()) {
          const name = partitionName({ topic, partition });
          const part = parts.get(name) ?? { topic, partition, indexes: [] };
          parts.set(name, part);
          part.indexes.push(elementAt(indexes, n));
        }
      }
    }
    return { parts: [...parts.values()], faults };
  }

  #partitionOf(topic: TopicState, { record }: PreparedRecord): number {
    if (record.partition !== undefined) return record.partition;
    const count = topic.partitions.length;
    if (record.key !== null) return partitionForKey(record.key, count);
    const sticky = this.#sticky.get(topic.name) ?? new StickyPartitioner();
    this.#sticky.set(topic.name, sticky);
    const hasLeader = (partition: number): boolean => (topic.partitions[partition]?.leader ?? -1) >= 0;
    return sticky.choose(count, hasLeader, recordSizeBound(record));
  }
}

/** Adds the errors of records that their topic would refuse, the first one per record. */
function noteFaults(
  faults: Map<number, OnrampError>,
  topic: TopicState,
  own: readonly PreparedRecord[],
  partitions: readonly number[],
  indexes: readonly number[],
  compressed: boolean,
): void {
  const records = own.map(({ record }) => record);
  const found = faultsOf(topic, records, partitions, { most: own.length, compressed });
  for (const { index, error_code, message } of found) {
    const at = elementAt(indexes, index);
    if (error_code === 41301 && fitsCompressed(elementAt(own, index), topic)) continue;
    if (!faults.has(at)) faults.set(at, new OnrampError(error_code, message));
  }
}

/** Whether a record that is compressed on its own fits, although it is too large without compression. */
const fitsCompressed = ({ record, compress }: PreparedRecord, { limits }: TopicState): boolean =>
  compress === true &&
  recordSizeBound(record) <= MAX_COMPRESSED &&
  encodeBatch([record], undefined, GZIP).length <= limits.maxMessageBytes;

/**
 * Splits the records of one partition into batches of at most `maxBytes`. A record that is larger, or that must be compressed, gets
 * its own batch.
 */
export async function planBatches(
  part: PartitionRecords,
  records: readonly PreparedRecord[],
  maxBytes: number,
  compression: BatchCompression | undefined,
): Promise<PlannedBatch[]> {
  const batches: (PlannedBatch & { indexes: number[]; size: number })[] = [];
  let open = false;
  for (const [n, index] of part.indexes.entries()) {
    if (n % SLICE === 0) await yieldToEventLoop();
    const { record, compress } = elementAt(records, index);
    const size = recordSizeBound(record);
    const last = batches.at(-1);
    if (open && last && !compress && last.size + size <= maxBytes) {
      last.indexes.push(index);
      last.size += size;
    } else
      batches.push({
        ...part,
        indexes: [index],
        size: BATCH_OVERHEAD + size,
        compression: compress ? GZIP : compression,
      });
    open = !compress;
  }
  return batches;
}
