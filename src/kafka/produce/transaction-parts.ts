// Places the records of a transaction: selects their partitions, checks them against the limits of their topics, and
// splits them into the batches of the Produce requests.

import { elementAt } from "../../core/element.ts";
import { OnrampError } from "../../core/errors.ts";
import type { PreparedRecord } from "../../core/record.ts";
import {
  BATCH_OVERHEAD,
  type BatchCompression,
  encodeBatch,
  recordSizeBound,
} from "../../wire/record-batch.ts";
import type { TopicState } from "../client/metadata.ts";
import { groupBy, type TopicPartition } from "../client/topic-partition.ts";
import { GZIP } from "./compression.ts";
import { partitionForKey, StickyPartitioner } from "./partitioner.ts";
import { faultsOf } from "./split-request.ts";

/** The records of a transaction for one partition, in order. */
export interface Part extends TopicPartition {
  /** The indexes of the records in the transaction. */
  readonly indexes: readonly number[];
}

/** The records of one batch. */
export interface Chunk extends Part {
  /** The maximum number of bytes of the batch. */
  readonly size: number;
  readonly compression: BatchCompression | undefined;
}

/** Selects the partitions of records, per topic; records without a key stay on one partition for some time. */
export class Placement {
  readonly #sticky = new Map<string, StickyPartitioner>();

  /**
   * @param stateOf returns the state of a topic of the records
   * @param compressed whether all batches are compressed
   * @returns the records by partition
   */
  place(
    records: readonly PreparedRecord[],
    stateOf: (topic: string) => TopicState,
    compressed: boolean,
  ): { readonly parts: readonly Part[]; readonly faults: ReadonlyMap<number, OnrampError> } {
    const parts = new Map<string, { topic: string; partition: number; indexes: number[] }>();
    const faults = new Map<number, OnrampError>();
    for (const [topic, indexes] of groupBy([...records.keys()], (index) => elementAt(records, index).topic)) {
      const state = stateOf(topic);
      const own = indexes.map((index) => elementAt(records, index));
      const partitions = own.map((each) => this.#partitionOf(state, each));
      const checked = own.map(({ record }) => record);
      for (const { index, error_code, message } of faultsOf(state, checked, partitions, {
        most: own.length,
        compressed,
      })) {
        const at = elementAt(indexes, index);
        if (error_code === 41301 && fitsCompressed(elementAt(own, index), state)) continue;
        if (!faults.has(at)) faults.set(at, new OnrampError(error_code, message));
      }
      for (const [n, index] of indexes.entries()) {
        const partition = elementAt(partitions, n);
        const part = parts.get(`${topic}/${partition}`) ?? { topic, partition, indexes: [] };
        parts.set(`${topic}/${partition}`, part);
        part.indexes.push(index);
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

/** Whether a record that is compressed on its own fits, although it is too large without compression. */
const fitsCompressed = ({ record, compress }: PreparedRecord, { limits }: TopicState): boolean =>
  compress === true && encodeBatch([record], undefined, GZIP).length <= limits.maxMessageBytes;

/**
 * Splits the records of one partition into batches of at most `most` bytes. A larger record, and one that
 * is compressed on its own, gets a batch of its own.
 */
export function chunksOf(
  part: Part,
  records: readonly PreparedRecord[],
  most: number,
  compression: BatchCompression | undefined,
): Chunk[] {
  const chunks: (Chunk & { indexes: number[]; size: number })[] = [];
  let open = false;
  for (const index of part.indexes) {
    const { record, compress } = elementAt(records, index);
    const size = recordSizeBound(record);
    const last = chunks.at(-1);
    if (open && last && !compress && last.size + size <= most) {
      last.indexes.push(index);
      last.size += size;
    } else
      chunks.push({
        ...part,
        indexes: [index],
        size: BATCH_OVERHEAD + size,
        compression: compress ? GZIP : compression,
      });
    open = !compress;
  }
  return chunks;
}
