// What the configuration says of topics, and which names are Onramp's or Kafka's own.

import type { Expression } from "./expressions.ts";
import type { TopicSchema } from "./schemas.ts";

/** The rules of one topic; every part is optional. */
export interface TopicRules {
  readonly schema: TopicSchema | undefined;
  /** Gives the key where the caller sends none. */
  readonly key: Expression | undefined;
  /** Whether a record without a value passes the schema. */
  readonly tombstones: boolean;
}

/** Rules by topic. */
export type TopicBook = ReadonlyMap<string, TopicRules>;

export const DEAD_LETTER = ".dead-letter";

/** Why nobody may read or write the topic through Onramp; undefined when they may. */
export function reservedReason(topic: string, namespace: string): string | undefined {
  if (topic.startsWith("__")) return `"${topic}" belongs to Kafka itself.`;
  if (topic === `${namespace}.sources`) return `"${topic}" holds the state of Onramp's sources.`;
  return undefined;
}

/** Why nobody may write the topic through Onramp; undefined when they may. */
export function unwritableReason(topic: string, namespace: string): string | undefined {
  if (topic.endsWith(DEAD_LETTER)) return `"${topic}" holds dead letters; it can be read only.`;
  return reservedReason(topic, namespace);
}
