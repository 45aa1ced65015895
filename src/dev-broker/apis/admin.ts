// Implements CreateTopics, DeleteTopics, CreatePartitions, DescribeConfigs, AlterConfigs, IncrementalAlterConfigs.

import { KafkaCode } from "../../wire/error-codes.ts";
import {
  AlterConfigs,
  type CreatableTopic,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeConfigs,
  IncrementalAlterConfigs,
} from "../../wire/messages/admin.ts";
import { isTopicName } from "../../wire/topic-name.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { NODE_ID, type State } from "../state.ts";
import { configError, TOPIC_DEFAULTS } from "../topic-config.ts";
import { configOf, type Topic } from "../topics.ts";

const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;
const DYNAMIC_TOPIC_CONFIG = 1;
const DEFAULT_CONFIG = 5;
/** The operation of IncrementalAlterConfigs that removes a configuration. */
const DELETE = 1;

type ErrorAnswer = readonly [errorCode: number, errorMessage: string | null];
const NO_ERROR: ErrorAnswer = [KafkaCode.NONE, null];

export const adminApis: readonly Endpoint[] = [
  endpoint(CreateTopics, [0, 4], (state, { topics, validateOnly }) => ({
    throttleTimeMs: 0,
    topics: topics.map((wanted) => {
      const [errorCode, errorMessage] = creationError(state, wanted);
      if (errorCode === KafkaCode.NONE && !validateOnly) {
        const partitions = wanted.assignments.length || Math.max(1, wanted.partitions);
        state.topics.create(
          wanted.name,
          partitions,
          wanted.configs.map(({ name, value }) => [name, value ?? ""] as const),
        );
      }
      return { name: wanted.name, errorCode, errorMessage };
    }),
  })),
  endpoint(DeleteTopics, [0, 3], ({ topics, groups }, { names }) => ({
    throttleTimeMs: 0,
    topics: names.map((name) => {
      const errorCode = topics.get(name) ? KafkaCode.NONE : KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
      topics.delete(name);
      groups.dropOffsets(name);
      return { name, errorCode };
    }),
  })),
  endpoint(CreatePartitions, [0, 1], ({ topics: store }, { topics, validateOnly }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, count }) => {
      const topic = store.get(name);
      if (!topic)
        return {
          name,
          errorCode: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: "This server does not host this topic-partition.",
        };
      if (count <= topic.partitions.length)
        return {
          name,
          errorCode: KafkaCode.INVALID_PARTITIONS,
          errorMessage: `The topic currently has ${topic.partitions.length} partitions`,
        };
      if (!validateOnly) store.addPartitions(topic, count);
      return { name, errorCode: KafkaCode.NONE, errorMessage: null };
    }),
  })),
  endpoint(DescribeConfigs, [1, 2], ({ topics }, { resources }) => ({
    throttleTimeMs: 0,
    resources: resources.map(({ type, name, keys }) => {
      const topic = type === TOPIC_RESOURCE ? topics.get(name) : undefined;
      if (type === BROKER_RESOURCE && name === String(NODE_ID))
        return { errorCode: KafkaCode.NONE, errorMessage: null, type, name, configs: [] };
      if (!topic)
        return {
          errorCode: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: null,
          type,
          name,
          configs: [],
        };
      return {
        errorCode: KafkaCode.NONE,
        errorMessage: null,
        type,
        name,
        configs: Object.keys(TOPIC_DEFAULTS)
          .filter((key) => keys === null || keys.includes(key))
          .map((key) => describeConfig(topic, key)),
      };
    }),
  })),
  endpoint(AlterConfigs, [0, 1], (state, { resources, validateOnly }) => ({
    throttleTimeMs: 0,
    resources: resources.map(({ type, name, configs }) =>
      alter(state, type, name, validateOnly, configs, (topic) => {
        topic.config.clear();
        for (const config of configs) if (config.value !== null) topic.config.set(config.name, config.value);
      }),
    ),
  })),
  endpoint(IncrementalAlterConfigs, [0, 0], (state, { resources, validateOnly }) => ({
    throttleTimeMs: 0,
    resources: resources.map(({ type, name, configs }) =>
      alter(state, type, name, validateOnly, configs, (topic) => {
        for (const config of configs) {
          if (config.operation === DELETE || config.value === null) topic.config.delete(config.name);
          else topic.config.set(config.name, config.value);
        }
      }),
    ),
  })),
];

/** Checks a topic to create. */
function creationError(
  { topics }: State,
  { name, partitions, replicationFactor, assignments, configs }: CreatableTopic,
): ErrorAnswer {
  if (!isTopicName(name)) return [KafkaCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${name}`];
  if (topics.get(name)) return [KafkaCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`];
  if (assignments.length > 0) {
    const valid = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === NODE_ID);
    return valid
      ? NO_ERROR
      : [KafkaCode.INVALID_REPLICA_ASSIGNMENT, `Replicas must be on broker ${NODE_ID}, the only broker.`];
  }
  if (partitions === 0 || partitions < -1)
    return [KafkaCode.INVALID_PARTITIONS, "Number of partitions was set to an invalid non-positive value."];
  if (replicationFactor !== -1 && replicationFactor !== 1)
    return [
      KafkaCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition ${replicationFactor} time(s): there is only one broker.`,
    ];
  for (const config of configs) {
    const error = configError(config.name, config.value);
    if (error) return [KafkaCode.INVALID_CONFIG, error];
  }
  return NO_ERROR;
}

function describeConfig(topic: Topic, name: string) {
  const source = topic.config.has(name) ? DYNAMIC_TOPIC_CONFIG : DEFAULT_CONFIG;
  return { name, value: configOf(topic, name), readOnly: false, source, isSensitive: false, synonyms: [] };
}

/** Checks an alteration of one resource, and applies it unless `validateOnly` is set. */
function alter(
  { topics }: State,
  type: number,
  name: string,
  validateOnly: boolean,
  configs: readonly { name: string; value: string | null }[],
  apply: (topic: Topic) => void,
) {
  const answer = (errorCode: number, errorMessage: string | null) => ({
    errorCode,
    errorMessage,
    type,
    name,
  });
  if (type !== TOPIC_RESOURCE)
    return answer(KafkaCode.INVALID_REQUEST, "Only the configurations of topics can be altered.");
  const topic = topics.get(name);
  if (!topic) return answer(KafkaCode.UNKNOWN_TOPIC_OR_PARTITION, null);
  for (const config of configs) {
    const error = configError(config.name, config.value);
    if (error) return answer(KafkaCode.INVALID_CONFIG, error);
  }
  if (!validateOnly) apply(topic);
  return answer(KafkaCode.NONE, null);
}
