// Topics in the form of the metadata cache.

import type { PartitionState, TopicState } from "../../src/kafka/client/metadata.ts";
import { type TopicLimits, UNKNOWN_LIMITS } from "../../src/kafka/client/topic-configs.ts";

/** A topic whose partitions have these leaders, without followers; -1: no leader. */
export function topicState(
  name: string,
  leaders: readonly number[],
  limits: Partial<TopicLimits> = {},
): TopicState {
  const partitions = leaders.map(
    (leader): PartitionState => ({ leader, leaderEpoch: 0, replicas: [leader], isr: [leader] }),
  );
  return { name, id: undefined, partitions, limits: { ...UNKNOWN_LIMITS, ...limits }, configs: {} };
}
