// Finds the offsets of the last records of partitions. Control records, aborted transactions and compaction leave holes
// between offsets, so ranges that begin earlier and earlier are read until one has enough records.

import type { PartitionOffset, TopicTails } from "../core/live.ts";
import type { Hub } from "./hub.ts";

/** How long the search may take, in milliseconds. Then it uses what it has found. */
const SEARCH_MS = 3000;
/** Each range is this many times as long as the one before it. */
const FACTOR = 4;

/** Returns where the last `count` records of each partition begin. */
export async function lastRecords(
  tails: TopicTails,
  hub: Hub,
  partitions: readonly number[],
  count: number,
): Promise<PartitionOffset[]> {
  const firsts = await tails.offsets(hub.topic, partitions, "earliest");
  const searches = partitions.map((partition) => {
    const { offset: end, epoch } = hub.head.at(partition);
    return { partition, end, epoch, first: firsts.get(partition)?.offset, from: end };
  });
  const signal = AbortSignal.timeout(SEARCH_MS);
  let open = searches.filter(({ end, first }) => first !== undefined && end > first);
  for (let distance = count; open.length > 0; distance *= FACTOR) {
    for (const search of open) search.from = Math.max(search.first ?? 0, search.end - distance);
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
          const last = offsets.get(partition) ?? [];
          for (const { offset } of records) last.push(offset);
          last.splice(0, last.length - count);
        },
        signal,
      );
    } catch {
      break;
    }
    open = open.filter((search) => {
      const last = offsets.get(search.partition) ?? [];
      if (last.length === count) search.from = last[0] ?? search.from;
      return last.length < count && search.from > (search.first ?? 0);
    });
  }
  return searches.map(({ from, end, epoch }) => ({ offset: from, epoch: from === end ? epoch : -1 }));
}
