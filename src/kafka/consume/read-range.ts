// Reads stretches of partitions without a group: from one offset up to another, and done.

import { setMaxListeners } from "node:events";
import type { RecordHandler } from "../../core/ports.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { Cursor } from "./partition-reader.ts";

/** A stretch of a partition, `to` not included. */
export interface Stretch extends TopicPartition {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads all stretches, several at once, each in order.
 *
 * @throws what the handler throws; Error when retention removes records while they are read
 */
export async function readThrough(
  deps: Omit<FetcherDeps, "channel">,
  stretches: readonly Stretch[],
  handler: RecordHandler,
  signal: AbortSignal,
): Promise<void> {
  const cursors = stretches.map(({ topic, partition, from }) => new Cursor(topic, partition, from));
  const fetcher = new Fetcher({ ...deps, channel: "read-through" }, cursors);
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  setMaxListeners(0, either);
  try {
    await Promise.all(
      cursors.map(async (cursor, n) => {
        const { topic, partition, to } = stretches[n] as Stretch;
        while (cursor.position < to) {
          await cursor.ready(either, to);
          if (cursor.lost)
            throw new Error(`${topic}/${partition} no longer has the offset ${cursor.position}`);
          const records = cursor.records.filter(({ offset }) => offset < to);
          // What is left lies behind the stretch.
          if (records.length === 0) return;
          cursor.take(await handler(records, either, either));
        }
      }),
    );
  } finally {
    ended.abort();
    fetcher.stop();
  }
}
