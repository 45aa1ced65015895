// Creates the topics that the configuration names, with the admin client of kafkajs, which is connected only for this.
// Also formats the commands that create topics, and checks topics for settings that endanger durability.

import type { SASLOptions } from "kafkajs";
import { OperatorError } from "../../core/errors.ts";
import type { Log } from "../../core/ports.ts";
import type { KafkaOptions } from "../client/cluster.ts";
import type { TopicState } from "../client/metadata.ts";

/** A topic of the configuration. */
export interface WantedTopic {
  readonly name: string;
  /** Default: the default of the broker. */
  readonly partitions?: number | undefined;
  /** Default: the default of the broker. */
  readonly replicationFactor?: number | undefined;
  readonly config: Readonly<Record<string, string>>;
}

/**
 * Creates topics. A topic that exists already, because another process created it, is not an error.
 *
 * @throws OperatorError when Kafka refuses to create a topic; the error of kafkajs when Kafka cannot be reached
 */
export async function createTopics(
  options: KafkaOptions,
  topics: readonly WantedTopic[],
  log: Log,
): Promise<void> {
  // Imported here, because most starts create no topic.
  const { default: kafkajs } = await import("kafkajs");
  await import("./kafkajs-repairs.ts");
  const kafka = new kafkajs.Kafka({
    clientId: "onramp",
    brokers: [...options.brokers],
    ...(options.tls ? { ssl: options.tls } : {}),
    ...(options.sasl ? { sasl: saslOf(options) } : {}),
    logCreator:
      () =>
      ({ namespace, log: entry }) =>
        log.debug({ namespace, message: entry.message }, "kafkajs"),
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.createTopics({
      topics: topics.map(({ name, partitions = -1, replicationFactor = -1, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      })),
      // The broker that answers may not know the new topic yet, which is an error for kafkajs.
      waitForLeaders: false,
    });
  } catch (error) {
    throw refusalOf(error) ?? error;
  } finally {
    await admin.disconnect();
  }
}

/** The part of kafkajs' errors that says which topics were refused, and why. */
interface RefusedTopics {
  readonly errors?: readonly {
    readonly topic?: string;
    readonly type: string;
    readonly retriable: boolean;
    readonly message: string;
  }[];
}

function refusalOf(error: unknown): OperatorError | undefined {
  const refused = ((error as RefusedTopics).errors ?? []).filter(
    ({ topic, type, retriable }) => topic !== undefined && type !== "TOPIC_ALREADY_EXISTS" && !retriable,
  );
  if (refused.length === 0) return undefined;
  const reasons = refused.map(({ topic, message }) => `"${topic}": ${message}`);
  return new OperatorError(
    `Kafka refused to create topics: ${reasons.join("; ")}. Create them, or correct their settings in the configuration.`,
    { cause: error },
  );
}

/** Formats `kafka-topics` commands and Strimzi resources that create the topics. */
export function creationHelp(topics: readonly WantedTopic[], brokers: readonly string[]): string {
  const commands = topics.map(({ name, partitions, replicationFactor, config }) =>
    [
      `kafka-topics --bootstrap-server ${brokers.join(",")} --create --topic ${name}`,
      ...(partitions ? [`--partitions ${partitions}`] : []),
      ...(replicationFactor ? [`--replication-factor ${replicationFactor}`] : []),
      ...Object.entries(config).map(([key, value]) => `--config ${key}=${value}`),
    ].join(" "),
  );
  const resources = topics.map(({ name, partitions, replicationFactor, config }) =>
    [
      "apiVersion: kafka.strimzi.io/v1",
      "kind: KafkaTopic",
      `metadata: { name: ${JSON.stringify(resourceName(name))}, labels: { strimzi.io/cluster: my-cluster } }`,
      `spec: ${JSON.stringify({ topicName: name, ...(partitions ? { partitions } : {}), ...(replicationFactor ? { replicas: replicationFactor } : {}), ...(Object.keys(config).length > 0 ? { config } : {}) })}`,
    ].join("\n"),
  );
  return `${commands.join("\n")}\n\nor, with Strimzi:\n\n${resources.join("\n---\n")}`;
}

/** Returns a warning per setting of the topic that can lose records after their receipt. */
export function durabilityWarnings({ name, partitions, configs }: TopicState): string[] {
  const warnings: string[] = [];
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  if (replicas === 1)
    warnings.push(`topic "${name}" has replication factor 1: if one disk fails, its records are lost`);
  if (replicas > 1 && configs["min.insync.replicas"] === "1")
    warnings.push(
      `topic "${name}" has min.insync.replicas 1: a receipt may mean that only one replica has the record`,
    );
  if (configs["unclean.leader.election.enable"] === "true")
    warnings.push(`topic "${name}" allows unclean leader election: acknowledged records may be lost`);
  return warnings;
}

function saslOf({ sasl }: KafkaOptions): SASLOptions {
  if (sasl?.mechanism === "oauthbearer")
    return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token() }) };
  // A copy, because kafkajs adds a property, and the configuration is frozen.
  return { ...sasl } as SASLOptions;
}

/** The name of the Strimzi resource: Kubernetes allows fewer characters than Kafka. */
const resourceName = (topic: string): string => topic.toLowerCase().replaceAll(/[^a-z0-9.-]/g, "-");
