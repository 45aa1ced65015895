// Finds the offsets of the last records of partitions. Control records, aborted transactions and compaction leave holes
// between offsets, so ranges that begin earlier and earlier are read until one has enough records.

import { OnrampError } from "../core/errors.ts";
import type { PartitionOffset, TopicTails } from "../core/live.ts";
import { yieldToEventLoop } from "../core/time.ts";
import type { Hub } from "./hub.ts";
import type { LogReadSlots } from "./log-read-slots.ts";

/** What reads the log, and how many may read it at once. */
export interface LogDeps {
  readonly tails: TopicTails;
  readonly readSlots: LogReadSlots;
}

/** How long the search may take, in milliseconds. Then it uses what it has found. */
const SEARCH_MS = 3000;
/** Each range is this many times as long as the one before it. */
const FACTOR = 4;

/**
 * Returns where the last `count` records of each partition begin.
 *
 * @throws OnrampError 50301 when too many streams read the log
 */
export async function lastRecords(
  { tails, readSlots }: LogDeps,
  hub: Hub,
  partitions: readonly number[],
  count: number,
): Promise<PartitionOffset[]> {
  const signal = AbortSignal.timeout(SEARCH_MS);
  const release = await readSlots.acquire(signal).catch((cause: unknown) => {
    throw new OnrampError(
      50301,
      "Many streams read older records now. Try again, or start with from=latest.",
      {
        cause,
        retryAfter: 5,
      },
    );
  });
  try {
    return await search(tails, hub, partitions, count, signal);
  } finally {
    release();
  }
}

async function search(
  tails: TopicTails,
  hub: Hub,
  partitions: readonly number[],
  count: number,
  signal: AbortSignal,
): Promise<PartitionOffset[]> {
  const firsts = await tails.offsets(hub.topic, partitions, "earliest");
  const searches = partitions.map((partition) => {
    const { offset: end, epoch } = hub.head.at(partition);
    return { partition, end, epoch, first: firsts.get(partition)?.offset, from: end };
  });
  let open = searches.filter(({ end, first }) => first !== undefined && end > first);
  for (let distance = count; open.length > 0; distance *= FACTOR) {
    for (const each of open) each.from = Math.max(each.first ?? 0, each.end - distance);
    const offsets = new Map(open.map(({ partition }) => [partition, [] as number[]]));
    const ranges = open.map(({ partition, from, end: to }) => ({
      partition,
      from: { offset: from, epoch: -1 },
      to,
    }));
    try {
      await tails.read(
        hub.topic,
        hub.topicId,
        ranges,
        async (partition, records) => {
          await yieldToEventLoop();
          const last = offsets.get(partition) ?? [];
          for (const { offset } of records) last.push(offset);
          last.splice(0, last.length - count);
        },
        signal,
      );
    } catch {
      break;
    }
    open = open.filter((each) => {
      const last = offsets.get(each.partition) ?? [];
      if (last.length === count) each.from = last[0] ?? each.from;
      return last.length < count && each.from > (each.first ?? 0);
    });
  }
  return searches.map(({ from, end, epoch }) => ({ offset: from, epoch: from === end ? epoch : -1 }));
}
