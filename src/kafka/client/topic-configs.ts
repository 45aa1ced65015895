// Reads topic configurations and the limits in them. The producer checks these limits before it batches a record, so
// that an invalid record of one client does not fail a batch with records of others.

import type { Log } from "../../core/ports.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { DescribeConfigs } from "../../wire/messages/admin.ts";
import type { Cluster } from "./cluster.ts";

const TOPIC = 2;

/** The limits that a broker enforces for the records of a topic. */
export interface TopicLimits {
  /** `max.message.bytes`: the largest batch, in bytes. */
  readonly maxMessageBytes: number;
  /** `message.timestamp.after.max.ms`: how far a timestamp may be in the future, in milliseconds. */
  readonly timestampAfterMaxMs: number;
  /** `message.timestamp.before.max.ms`: how far a timestamp may be in the past, in milliseconds. */
  readonly timestampBeforeMaxMs: number;
  /** Whether the topic is compacted. It then rejects records without a key. */
  readonly compacted: boolean;
}

/**
 * No limits. Used for a topic whose configuration Onramp cannot read because the ACL "DescribeConfigs" is
 * missing: the broker alone then checks the records.
 */
export const UNKNOWN_LIMITS: TopicLimits = {
  maxMessageBytes: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: Number.POSITIVE_INFINITY,
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  compacted: false,
};

/** The configuration of a topic. */
export interface TopicConfigs {
  readonly limits: TopicLimits;
  readonly configs: Readonly<Record<string, string>>;
}

/**
 * Reads the configurations of topics. Leaves out topics that do not exist or whose configuration cannot be read.
 *
 * @throws BrokerGone, BrokerRefused when the request as a whole fails
 */
export async function readTopicConfigs(
  cluster: Cluster,
  topics: readonly string[],
  log: Log,
): Promise<Map<string, TopicConfigs>> {
  const read = new Map<string, TopicConfigs>();
  if (topics.length === 0) return read;
  const answer = await cluster.ask(DescribeConfigs, {
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
    /^\d+$/.test(values[name] ?? "") ? Number(values[name]) : Number.POSITIVE_INFINITY;
  const createTime = values["message.timestamp.type"] !== "LogAppendTime";
  return {
    maxMessageBytes: number("max.message.bytes"),
    timestampAfterMaxMs: createTime ? number("message.timestamp.after.max.ms") : Number.POSITIVE_INFINITY,
    timestampBeforeMaxMs: createTime ? number("message.timestamp.before.max.ms") : Number.POSITIVE_INFINITY,
    compacted: (values["cleanup.policy"] ?? "").includes("compact"),
  };
}
