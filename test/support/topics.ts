// Topics as the metadata describes them.

import type { PartitionState, TopicState } from "../../src/kafka/client/metadata.ts";
import { type TopicLimits, UNKNOWN_LIMITS } from "../../src/kafka/client/topic-configs.ts";

/** A topic whose partitions are led by these brokers, without followers; -1: by none. */
export function topicState(
  name: string,
  leaders: readonly number[],
  limits: Partial<TopicLimits> = {},
): TopicState {
  const partitions = leaders.map((leader): PartitionState => ({ leader, replicas: [leader], isr: [leader] }));
  return { name, partitions, limits: { ...UNKNOWN_LIMITS, ...limits }, configs: {} };
}
