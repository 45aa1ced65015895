// Shares partitions out among the members of a group, evenly, and the same way whoever computes it.

import type { Assignment } from "../../wire/consumer-protocol.ts";

export interface Subscriber {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/**
 * Deals the partitions of every topic to its subscribers in turn, each to the one with the fewest so far.
 *
 * @param partitionsOf how many partitions a topic has
 */
export async function assignPartitions(
  members: readonly Subscriber[],
  partitionsOf: (topic: string) => Promise<number>,
): Promise<Map<string, Assignment>> {
  const shares = new Map<string, Assignment>();
  const counts = new Map<string, number>();
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  for (const { memberId } of sorted) {
    shares.set(memberId, []);
    counts.set(memberId, 0);
  }
  const topics = [...new Set(sorted.flatMap((member) => member.topics))].sort();
  for (const topic of topics) {
    const subscribers = sorted.filter((member) => member.topics.includes(topic));
    const partitions = await partitionsOf(topic);
    for (let partition = 0; partition < partitions; partition++) {
      const [first, ...rest] = subscribers;
      if (!first) break;
      const next = rest.reduce(
        (least, each) =>
          (counts.get(each.memberId) ?? 0) < (counts.get(least.memberId) ?? 0) ? each : least,
        first,
      );
      counts.set(next.memberId, (counts.get(next.memberId) ?? 0) + 1);
      const share = shares.get(next.memberId) ?? [];
      const part = share.find(({ name }) => name === topic);
      if (part) part.partitions.push(partition);
      else share.push({ name: topic, partitions: [partition] });
    }
  }
  return shares;
}
