// The rules of topics, and the names of topics that are reserved for Onramp or Kafka.

import { OnrampError } from "./errors.ts";
import type { Expression } from "./expressions.ts";
import type { TopicSchema } from "./schemas.ts";

/** The rules of one topic; every part is optional. */
export interface TopicRules {
  readonly schema: TopicSchema | undefined;
  /** Computes the key when the client sends none. */
  readonly key: Expression | undefined;
  /** Whether a topic with a schema accepts records without a value. */
  readonly tombstones: boolean;
}

/** Rules by topic name. */
export type RulesByTopic = ReadonlyMap<string, TopicRules>;

/**
 * Kafka's rule for the names of topics (org.apache.kafka.common.internals.Topic), as a pattern of JSON Schema: 1 to 249
 * letters, digits, dots, underscores or hyphens, but not "." or "..". openapi.yaml repeats it.
 */
export const TOPIC_NAME =
  "^([a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}|[.][a-zA-Z0-9_-][a-zA-Z0-9._-]{0,247}|[.]{2}[a-zA-Z0-9._-]{1,247})$";

/** Whether Kafka accepts the name. The same rule as `TOPIC_NAME`, in a form that takes less time. */
export const isTopicName = (name: string): boolean =>
  /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..";

/**
 * Called before the name of a topic in a request is compared with grants, which costs time in proportion to the name.
 *
 * @throws OnrampError 40401 when no topic can have the name
 */
export function requireTopicName(topic: string): void {
  if (!isTopicName(topic))
    throw new OnrampError(40401, `"${topic.slice(0, 260)}" is not a name that a Kafka topic can have.`);
}

/** The suffix of dead-letter topics. */
export const DEAD_LETTER = ".dead-letter";

/** The prefix of the topics of heartbeats, as Debezium names them. */
const HEARTBEATS = "__debezium-heartbeat.";

/** @returns why the topic cannot be read or written through Onramp; undefined when it can */
export function reservedReason(topic: string, namespace: string): string | undefined {
  if (topic.startsWith("__") && !topic.startsWith(HEARTBEATS))
    return `"${topic}" is an internal topic of Kafka.`;
  if (topic === `${namespace}.sources`) return `"${topic}" contains the state of Onramp's sources.`;
  return undefined;
}

/** @returns why the topic cannot be written through Onramp; undefined when it can */
export function unwritableReason(topic: string, namespace: string): string | undefined {
  if (topic.endsWith(DEAD_LETTER)) return `"${topic}" contains dead letters and can only be read.`;
  return reservedReason(topic, namespace);
}
