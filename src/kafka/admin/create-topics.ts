// Topics that the configuration names: created where that is wanted, else told of with the commands that do it.
// Creation is kafkajs's admin client, connected for the purpose and gone again.

import type { SASLOptions } from "kafkajs";
import type { Log } from "../../core/ports.ts";
import type { KafkaOptions } from "../client/cluster.ts";
import type { TopicState } from "../client/metadata.ts";

export interface WantedTopic {
  readonly name: string;
  /** Undefined: the broker's own default. */
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  readonly config: Readonly<Record<string, string>>;
}

/**
 * Creates topics; one that somebody else creates meanwhile is fine.
 *
 * @throws kafkajs's error when Kafka refuses
 */
export async function createTopics(
  options: KafkaOptions,
  topics: readonly WantedTopic[],
  log: Log,
): Promise<void> {
  // Loaded when it is needed: most starts create nothing.
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
    });
  } finally {
    await admin.disconnect();
  }
}

/** How to create topics by hand: `kafka-topics` commands, and Strimzi resources. */
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

/** What endangers the promise that a receipt means written, in a topic's settings. */
export function durabilityWarnings({ name, partitions, configs }: TopicState): string[] {
  const warnings: string[] = [];
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  if (replicas === 1)
    warnings.push(`topic "${name}" has replication factor 1: one lost disk loses its records`);
  if (replicas > 1 && configs["min.insync.replicas"] === "1")
    warnings.push(`topic "${name}" has min.insync.replicas 1: a receipt may rest on one replica`);
  if (configs["unclean.leader.election.enable"] === "true")
    warnings.push(`topic "${name}" allows unclean leader election: acknowledged records may be lost`);
  return warnings;
}

function saslOf({ sasl }: KafkaOptions): SASLOptions {
  if (sasl?.mechanism === "oauthbearer")
    return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token() }) };
  // A copy: kafkajs adds a member of its own, and configurations are frozen.
  return { ...sasl } as SASLOptions;
}

/** Kubernetes names are stricter than Kafka's. */
const resourceName = (topic: string): string => topic.toLowerCase().replaceAll(/[^a-z0-9.-]/g, "-");
