// Assigns partitions to the members of a group, evenly. The result does not depend on the order of the members.

import type { Assignment } from "../../wire/consumer-protocol.ts";

/** A member of a group, and the topics that it subscribes to. */
export interface Subscriber {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/**
 * Assigns each partition of each topic to the subscriber that has the fewest partitions so far.
 *
 * @param partitionsOf returns the number of partitions of a topic
 * @returns the assignment by member id
 */
export async function assignPartitions(
  members: readonly Subscriber[],
  partitionsOf: (topic: string) => Promise<number>,
): Promise<Map<string, Assignment>> {
  const assignments = new Map<string, Assignment>();
  const counts = new Map<string, number>();
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  for (const { memberId } of sorted) {
    assignments.set(memberId, []);
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
        (least, member) =>
          (counts.get(member.memberId) ?? 0) < (counts.get(least.memberId) ?? 0) ? member : least,
        first,
      );
      counts.set(next.memberId, (counts.get(next.memberId) ?? 0) + 1);
      const assignment = assignments.get(next.memberId) ?? [];
      const assigned = assignment.find(({ name }) => name === topic);
      if (assigned) assigned.partitions.push(partition);
      else assignment.push({ name: topic, partitions: [partition] });
    }
  }
  return assignments;
}
