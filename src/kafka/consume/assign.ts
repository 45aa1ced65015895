// Assigns partitions to the members of a group: evenly, and so that members keep the partitions that they own (KIP-54).
// The result does not depend on the order of the members.

import type { OwnedPartition } from "../../wire/consumer-protocol.ts";
import { partitionName, type TopicPartition } from "../client/topic-partition.ts";

/** A member of a group. */
export interface Subscriber {
  readonly memberId: string;
  /** The topics that it subscribes to. */
  readonly topics: readonly string[];
  /** The partitions of its last assignment, in the order of `longestOwnedFirst`. */
  readonly owned: readonly OwnedPartition[];
}

/** The generation of a partition that was just assigned: it is moved first. */
const NEW = Number.POSITIVE_INFINITY;

/** A member during the assignment. The partitions that it owned come first. */
interface Share {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  readonly partitions: OwnedPartition[];
}

/**
 * Assigns each partition of each topic to one of its subscribers. The numbers of partitions per member differ by at most 1
 * where the subscriptions allow it. A partition is moved only if the balance requires it, and the partition that its member
 * received most recently is moved first. So a member that restarts gets back partitions that others took over.
 *
 * A claim is ignored if the partition does not exist any more, or if the member does not subscribe to its topic any more. If
 * several members claim a partition, because one of them missed a rebalance, the claim of the first one by member id
 * counts: members of other versions do not say which claim is the latest.
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
      unassigned.set(partitionName({ topic, partition }), { topic, partition });
  }
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const shares = sorted.map(({ memberId, topics: names, owned }): Share => {
    const topics = new Set(names);
    const partitions = owned.filter(
      (each) => topics.has(each.topic) && unassigned.delete(partitionName(each)),
    );
    return { memberId, topics, partitions };
  });
  for (const partition of unassigned.values()) {
    const subscribers = shares.filter(({ topics }) => topics.has(partition.topic));
    subscribers
      .reduce((least, next) => (sizeOf(next) < sizeOf(least) ? next : least))
      .partitions.push({ ...partition, since: NEW });
  }
  while (makeMoreEven(shares));
  const placeOf = ({ topic, partition }: OwnedPartition): TopicPartition => ({ topic, partition });
  return new Map(shares.map(({ memberId, partitions }) => [memberId, partitions.map(placeOf).sort(byPlace)]));
}

/**
 * Orders an assignment for the next subscription: the partitions of `before` come first, in their order. All other partitions
 * get `generation` as `since`.
 */
export function longestOwnedFirst(
  assigned: readonly TopicPartition[],
  before: readonly OwnedPartition[],
  generation: number,
): OwnedPartition[] {
  const known = new Map(
    before.map((each, place) => [partitionName(each), { place, since: each.since ?? 0 }]),
  );
  const placeOf = (each: TopicPartition): number => known.get(partitionName(each))?.place ?? before.length;
  return assigned
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .map(({ topic, partition }) => ({
      topic,
      partition,
      since: known.get(partitionName({ topic, partition }))?.since ?? generation,
    }));
}

const sizeOf = ({ partitions }: Share): number => partitions.length;

const byPlace = (a: TopicPartition, b: TopicPartition): number =>
  a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;

/**
 * Moves one partition from a member to another that has at least two fewer.
 *
 * @returns false when that is not possible: the assignment is as even as the subscriptions allow
 */
function makeMoreEven(shares: readonly Share[]): boolean {
  const ascending = shares.toSorted((a, b) => sizeOf(a) - sizeOf(b));
  return moveNewest(ascending) || moveThroughOthers(ascending);
}

/** Moves the partition that its member received most recently, to the member with the fewest partitions that can take it. */
function moveNewest(ascending: readonly Share[]): boolean {
  for (const to of ascending) {
    let newest: { readonly from: Share; readonly index: number; readonly since: number } | undefined;
    for (const from of ascending.toReversed()) {
      if (sizeOf(from) - 2 < sizeOf(to)) continue;
      for (const [index, { topic, since = 0 }] of from.partitions.entries())
        if (
          to.topics.has(topic) &&
          (!newest || since > newest.since || (from === newest.from && since === newest.since))
        )
          newest = { from, index, since };
    }
    if (!newest) continue;
    to.partitions.push(...newest.from.partitions.splice(newest.index, 1));
    return true;
  }
  return false;
}

/**
 * If no member can give a partition directly to a member with fewer partitions, each member on the shortest path between them gives
 * one to the next.
 */
function moveThroughOthers(ascending: readonly Share[]): boolean {
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
