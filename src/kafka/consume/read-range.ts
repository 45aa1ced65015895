// Reads ranges of partitions without a consumer group, and does not commit offsets.

import { setMaxListeners } from "node:events";
import type { RecordHandler } from "../../core/ports.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { PartitionReader } from "./partition-reader.ts";

/** The offsets of a partition from `from` to `to` (exclusive). */
export interface OffsetRange extends TopicPartition {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads all ranges at once, each in order, and resolves after the last record. When `stopping` is aborted, running
 * handler calls are cancelled at once.
 *
 * @throws what the handler throws; the reason of `stopping`; Error when retention removes records before they are read
 */
export async function readRange(
  deps: Omit<FetcherDeps, "channel">,
  ranges: readonly OffsetRange[],
  handler: RecordHandler,
  stopping: AbortSignal,
): Promise<void> {
  const readers = ranges.map(({ topic, partition, from }) => new PartitionReader(topic, partition, from));
  const fetcher = new Fetcher({ ...deps, channel: "read-range" }, readers);
  const finished = new AbortController();
  const cancel = AbortSignal.any([stopping, finished.signal]);
  // Every partition adds a listener.
  setMaxListeners(0, cancel);
  try {
    await Promise.all(
      readers.map(async (reader, n) => {
        const { topic, partition, to } = ranges[n] as OffsetRange;
        while (reader.position < to) {
          await reader.ready(cancel, to);
          if (reader.outOfRange)
            throw new Error(`${topic}/${partition} no longer has the offset ${reader.position}`);
          const records = reader.records.filter(({ offset }) => offset < to);
          // All fetched records are after the range.
          if (records.length === 0) return;
          reader.take(await handler(records, cancel, cancel));
        }
      }),
    );
  } finally {
    finished.abort();
    fetcher.stop();
  }
}
