// Determines the initial offsets of partitions that a group has not read yet.

import { EARLIEST, LATEST, offsetAt } from "../client/list-offsets.ts";
import type { TopicPartition } from "../client/topic-partition.ts";

/**
 * Returns the offsets to commit for partitions without a committed offset, before the group reads them. A topic that is
 * new to the group starts at its end, unless `fromStart` is true for it. A partition that was added to a known topic
 * starts at its first record, because all its records are new to the group.
 *
 * @param committed the committed offset per partition; less than 0 where the group has committed none
 * @param fromStart whether a topic that is new to the group is read from its start
 * @throws BrokerRefused, BrokerGone
 */
export async function initialOffsets(
  deps: Parameters<typeof offsetAt>[0],
  partitions: readonly TopicPartition[],
  committed: ReadonlyMap<TopicPartition, number>,
  fromStart: (topic: string) => boolean,
): Promise<Map<TopicPartition, number>> {
  const isNew = (partition: TopicPartition): boolean => (committed.get(partition) ?? -1) < 0;
  const known = new Set(partitions.filter((partition) => !isNew(partition)).map(({ topic }) => topic));
  const first = new Map<TopicPartition, number>();
  for (const partition of partitions.filter(isNew)) {
    const at = known.has(partition.topic) || fromStart(partition.topic) ? EARLIEST : LATEST;
    first.set(partition, await offsetAt(deps, partition, at));
  }
  return first;
}
