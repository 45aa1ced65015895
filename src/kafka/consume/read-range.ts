// Reads ranges of partitions without a group: from one offset up to another, and done.

import { setMaxListeners } from "node:events";
import type { RecordHandler } from "../../core/ports.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { PartitionReader } from "./partition-reader.ts";

/** A range of a partition, `to` not included. */
export interface OffsetRange extends TopicPartition {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads all ranges, several at once, each in order.
 *
 * @throws what the handler throws; Error when retention removes records while they are read
 */
export async function readRange(
  deps: Omit<FetcherDeps, "channel">,
  ranges: readonly OffsetRange[],
  handler: RecordHandler,
  signal: AbortSignal,
): Promise<void> {
  const readers = ranges.map(({ topic, partition, from }) => new PartitionReader(topic, partition, from));
  const fetcher = new Fetcher({ ...deps, channel: "read-range" }, readers);
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  setMaxListeners(0, either);
  try {
    await Promise.all(
      readers.map(async (reader, n) => {
        const { topic, partition, to } = ranges[n] as OffsetRange;
        while (reader.position < to) {
          await reader.ready(either, to);
          if (reader.outOfRange)
            throw new Error(`${topic}/${partition} no longer has the offset ${reader.position}`);
          const records = reader.records.filter(({ offset }) => offset < to);
          // What is left lies behind the range.
          if (records.length === 0) return;
          reader.take(await handler(records, either, either));
        }
      }),
    );
  } finally {
    ended.abort();
    fetcher.stop();
  }
}
