// The topic with the states of the sources: its name, its settings, and the check of an existing topic.

import { OperatorError } from "../core/errors.ts";
import type { WantedTopic } from "../kafka/admin/create-topics.ts";
import type { TopicState } from "../kafka/client/metadata.ts";
import { partitionForKey } from "../kafka/produce/partitioner.ts";

/** The number of partitions, which never changes: the name or the group of a source selects its partition. */
export const PARTITIONS = 16;
/** The settings keep the topic small, so that a takeover reads it quickly. */
const SETTINGS: Readonly<Record<string, string>> = {
  "cleanup.policy": "compact",
  "segment.bytes": String(8 * 1024 * 1024),
  "min.cleanable.dirty.ratio": "0.1",
  "delete.retention.ms": "60000",
};

/** The state topic cannot be used. The message says how to correct the topic. */
export class TopicSettingsError extends OperatorError {
  override readonly name = "TopicSettingsError";
}

export const stateTopicName = (namespace: string): string => `${namespace}.sources`;

/** The partition of the state topic that has the state of a source. @param group see `Source.group` */
export const statePartition = (source: string, group = source): number =>
  partitionForKey(Buffer.from(group), PARTITIONS);

export const stateTopic = (namespace: string): WantedTopic => ({
  name: stateTopicName(namespace),
  partitions: PARTITIONS,
  config: SETTINGS,
});

/**
 * Checks the settings of the state topic.
 *
 * @param brokers the addresses that the printed command uses
 * @returns a warning for settings that make takeovers slow; undefined when all are right, or cannot be read
 * @throws TopicSettingsError for settings that would lose cursors
 */
export function checkStateTopic(
  { name, partitions, configs }: TopicState,
  brokers: readonly string[],
): string | undefined {
  if (partitions.length !== PARTITIONS)
    throw new TopicSettingsError(
      `Topic "${name}" has ${partitions.length} partitions; it must have ${PARTITIONS}, because the name of a source selects its partition. Choose another kafka.namespace; or stop all replicas, note the cursors (onramp sources list), delete the topic, start Onramp, and set the cursors (onramp sources set).`,
    );
  const wrong = Object.entries(SETTINGS).filter(
    ([key, value]) => configs[key] !== undefined && configs[key] !== value,
  );
  if (wrong.length === 0) return undefined;
  const found = wrong.map(([key, value]) => `${key} is ${configs[key]} and should be ${value}`).join("; ");
  const changes = wrong.map(([key, value]) => `${key}=${value}`).join(",");
  const message = `Topic "${name}" has wrong settings: ${found}. Correct them with:\n\nkafka-configs --bootstrap-server ${brokers.join(",")} --alter --entity-type topics --entity-name ${name} --add-config ${changes}`;
  if (wrong.some(([key]) => key === "cleanup.policy"))
    throw new TopicSettingsError(`${message}\n\nWith this cleanup.policy, cursors would be lost.`);
  return message;
}
