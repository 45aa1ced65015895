// Where partitions begin that a group has never read.

import { EARLIEST, LATEST, offsetAt } from "../client/list-offsets.ts";
import type { TopicPartition } from "../client/topic-partition.ts";

/**
 * The offsets to commit for a group before anybody reads. A topic that is new to the group begins at its end, unless
 * it is to be read whole; a partition that was added to a known one is read whole, since its records are new as well.
 *
 * @param committed what the group has committed; less than 0 where nothing
 * @param whole true for topics that are read from their start
 * @throws BrokerRefused, BrokerGone
 */
export async function initialOffsets(
  deps: Parameters<typeof offsetAt>[0],
  places: readonly TopicPartition[],
  committed: ReadonlyMap<TopicPartition, number>,
  whole: (topic: string) => boolean,
): Promise<Map<TopicPartition, number>> {
  const isNew = (place: TopicPartition): boolean => (committed.get(place) ?? -1) < 0;
  const known = new Set(places.filter((place) => !isNew(place)).map(({ topic }) => topic));
  const first = new Map<TopicPartition, number>();
  for (const place of places.filter(isNew)) {
    const at = known.has(place.topic) || whole(place.topic) ? EARLIEST : LATEST;
    first.set(place, await offsetAt(deps, place, at));
  }
  return first;
}
