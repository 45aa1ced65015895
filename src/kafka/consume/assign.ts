// Assigns partitions to the members of a group: evenly, and so that members keep the partitions that they own (KIP-54).
// The result does not depend on the order of the members.

import type { TopicPartition } from "../client/topic-partition.ts";

/** A member of a group. */
export interface Subscriber {
  readonly memberId: string;
  /** The topics that it subscribes to. */
  readonly topics: readonly string[];
  /** The partitions of its last assignment, in the order of `longestOwnedFirst`. */
  readonly owned: readonly TopicPartition[];
}

/** A member during the assignment. The partitions that it owned come first. */
interface Share {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  readonly partitions: TopicPartition[];
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/**
 * Assigns each partition of each topic to one of its subscribers. The numbers of partitions per member differ by at most 1
 * where the subscriptions allow it. A partition is moved only if the balance requires it.
 *
 * A claim is ignored if the partition does not exist any more, or if the member does not subscribe to its topic any more. If
 * several members claim a partition, because one of them missed a rebalance, the claim of the first one by member id
 * counts: version 1 of the protocol does not say which claim is the latest.
 *
 * @param partitionsOf returns the number of partitions of a topic
 * @returns the assignment by member id, ordered by topic and partition
 */
export async function assignPartitions(
  members: readonly Subscriber[],
  partitionsOf: (topic: string) => Promise<number>,
): Promise<Map<string, TopicPartition[]>> {
  const unassigned = new Map<string, TopicPartition>();
  for (const topic of [...new Set(members.flatMap(({ topics }) => topics))].sort()) {
    const count = await partitionsOf(topic);
    for (let partition = 0; partition < count; partition++)
      unassigned.set(keyOf({ topic, partition }), { topic, partition });
  }
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const shares = sorted.map(({ memberId, topics: names, owned }): Share => {
    const topics = new Set(names);
    const partitions = owned.filter((each) => topics.has(each.topic) && unassigned.delete(keyOf(each)));
    return { memberId, topics, partitions };
  });
  for (const partition of unassigned.values()) {
    const subscribers = shares.filter(({ topics }) => topics.has(partition.topic));
    subscribers
      .reduce((least, next) => (sizeOf(next) < sizeOf(least) ? next : least))
      .partitions.push(partition);
  }
  while (makeMoreEven(shares));
  return new Map(shares.map(({ memberId, partitions }) => [memberId, partitions.sort(byPlace)]));
}

/**
 * Orders an assignment for the next subscription: the partitions of `before` come first, in their order. When a member must
 * return partitions, it returns the last ones. So a member that restarts gets back what the others took over.
 */
export function longestOwnedFirst(
  assigned: readonly TopicPartition[],
  before: readonly TopicPartition[],
): TopicPartition[] {
  const places = new Map(before.map((each, place) => [keyOf(each), place]));
  const placeOf = (each: TopicPartition): number => places.get(keyOf(each)) ?? before.length;
  return assigned.toSorted((a, b) => placeOf(a) - placeOf(b));
}

const sizeOf = ({ partitions }: Share): number => partitions.length;

const byPlace = (a: TopicPartition, b: TopicPartition): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;

/**
 * Moves one partition from a member to another that has at least two fewer. If no topic of the first can be given to
 * the second directly, each member on the shortest path between them gives a partition to the next one. With equal
 * subscriptions, the member with the most partitions gives one to the member with the fewest.
 *
 * @returns false when no such path exists: the assignment is as even as the subscriptions allow
 */
function makeMoreEven(shares: readonly Share[]): boolean {
  const ascending = shares.toSorted((a, b) => sizeOf(a) - sizeOf(b));
  for (const giver of ascending.toReversed()) {
    const giverTo = new Map<Share, Share | undefined>([[giver, undefined]]);
    for (const from of giverTo.keys())
      for (const to of ascending) {
        if (giverTo.has(to) || !from.partitions.some(({ topic }) => to.topics.has(topic))) continue;
        giverTo.set(to, from);
        if (sizeOf(to) > sizeOf(giver) - 2) continue;
        moveAlong(giverTo, to);
        return true;
      }
  }
  return false;
}

function moveAlong(giverTo: ReadonlyMap<Share, Share | undefined>, end: Share): void {
  for (let to = end, from = giverTo.get(to); from; to = from, from = giverTo.get(to)) {
    const { topics } = to;
    const last = from.partitions.findLastIndex(({ topic }) => topics.has(topic));
    to.partitions.push(...from.partitions.splice(last, 1));
  }
}
