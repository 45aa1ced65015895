// What a topic takes: the limits that we check up front, so that one client's record cannot fail another's batch.

import type { Log } from "../../core/ports.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { DescribeConfigs } from "../../wire/messages/admin.ts";
import type { Cluster } from "./cluster.ts";

const VERSION = 1;
const TOPIC = 2;

export interface TopicLimits {
  /** `max.message.bytes`: the largest batch, in bytes. */
  readonly maxMessageBytes: number;
  /** `message.timestamp.after.max.ms`: how far ahead of now a timestamp may lie. */
  readonly timestampAfterMaxMs: number;
  /** `message.timestamp.before.max.ms`: how far back. */
  readonly timestampBeforeMaxMs: number;
  /** A compacted topic refuses records without a key. */
  readonly compacted: boolean;
}

/** Where the configuration may not be read (it needs the ACL DescribeConfigs) nothing is checked; the broker will. */
export const UNKNOWN_LIMITS: TopicLimits = {
  maxMessageBytes: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: Number.POSITIVE_INFINITY,
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  compacted: false,
};

export interface TopicConfigs {
  readonly limits: TopicLimits;
  readonly configs: Readonly<Record<string, string>>;
}

/** The configurations of those topics that exist and that we may read. Never fails for one topic's sake. */
export async function readTopicConfigs(
  cluster: Cluster,
  topics: readonly string[],
  log: Log,
): Promise<Map<string, TopicConfigs>> {
  const read = new Map<string, TopicConfigs>();
  const answer = await cluster.ask(DescribeConfigs, VERSION, {
    resources: topics.map((name) => ({ type: TOPIC, name, keys: null })),
    includeSynonyms: false,
  });
  for (const { name, errorCode, configs } of answer.resources) {
    if (errorCode === 0) {
      const values = Object.fromEntries(configs.map((config) => [config.name, config.value ?? ""]));
      read.set(name, { configs: values, limits: limitsOf(values) });
    } else if (errorCode !== KafkaCode.UNKNOWN_TOPIC_OR_PARTITION)
      log.debug({ topic: name, reason: kafkaErrorName(errorCode) }, "topic configuration not readable");
  }
  return read;
}

function limitsOf(values: Record<string, string>): TopicLimits {
  const number = (name: string): number =>
    values[name] === undefined ? Number.POSITIVE_INFINITY : Number(values[name]);
  const ownTime = values["message.timestamp.type"] !== "LogAppendTime";
  return {
    maxMessageBytes: number("max.message.bytes"),
    timestampAfterMaxMs: ownTime ? number("message.timestamp.after.max.ms") : Number.POSITIVE_INFINITY,
    timestampBeforeMaxMs: ownTime ? number("message.timestamp.before.max.ms") : Number.POSITIVE_INFINITY,
    compacted: (values["cleanup.policy"] ?? "").includes("compact"),
  };
}
