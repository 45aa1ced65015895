// Implements ApiVersions, Metadata and FindCoordinator.

import { NO_ID } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { ApiVersions, FindCoordinator, Metadata } from "../../wire/messages/cluster.ts";
import { isTopicName } from "../../wire/topic-name.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { NODE_ID, type State } from "../state.ts";

/** The key type of transactional ids in FindCoordinator. The key type of groups is 0. */
const TRANSACTION = 1;

/** @param endpoints returns all endpoints of the broker, for ApiVersions */
export function clusterApis(endpoints: () => readonly Endpoint[]): Endpoint[] {
  return [
    endpoint(ApiVersions, [0, 3], () => ({
      errorCode: KafkaCode.NONE,
      apiKeys: supportedVersions(endpoints()),
      throttleTimeMs: 0,
    })),
    endpoint(Metadata, [0, 12], (state, request, { version }) => {
      // All topics are requested with an empty list in version 0, and with null from version 1 on.
      const all = request.topics === null || (version === 0 && request.topics.length === 0);
      const wanted: { readonly name: string | null; readonly topicId: string }[] = all
        ? state.topics.all.map(({ name, id }) => ({ name, topicId: id }))
        : (request.topics ?? []);
      return {
        throttleTimeMs: 0,
        brokers: [
          { nodeId: NODE_ID, host: state.host, port: state.advertisedPort ?? state.port, rack: null },
        ],
        clusterId: "onramp-dev-broker",
        controllerId: NODE_ID,
        topics: wanted.map((topic) =>
          topic.name === null ? describeById(state, topic.topicId) : describe(state, topic.name),
        ),
        authorizedOperations: -2147483648,
      };
    }),
    endpoint(FindCoordinator, [0, 2], ({ host, port, advertisedPort, faults }, { key, keyType }) => ({
      throttleTimeMs: 0,
      errorCode:
        faults.coordinator?.(key) ?? (keyType > TRANSACTION ? KafkaCode.INVALID_REQUEST : KafkaCode.NONE),
      errorMessage: null,
      nodeId: NODE_ID,
      host,
      port: advertisedPort ?? port,
    })),
  ];
}

/** The supported versions per API, as ApiVersions returns them. */
export function supportedVersions(
  endpoints: readonly Endpoint[],
): { apiKey: number; minVersion: number; maxVersion: number }[] {
  return endpoints.map(({ api, min, max }) => ({ apiKey: api.key, minVersion: min, maxVersion: max }));
}

function describeById(state: State, topicId: string) {
  const topic = state.topics.byId(topicId);
  if (topic) return describe(state, topic.name);
  return { ...NO_TOPIC, errorCode: KafkaCode.UNKNOWN_TOPIC_ID, name: null, topicId };
}

function describe({ topics, faults }: State, name: string) {
  const topic = topics.get(name);
  const errorCode = topic
    ? KafkaCode.NONE
    : isTopicName(name)
      ? KafkaCode.UNKNOWN_TOPIC_OR_PARTITION
      : KafkaCode.INVALID_TOPIC_EXCEPTION;
  const fault = faults.topic?.(name);
  if (!topic || fault !== undefined) return { ...NO_TOPIC, errorCode: fault ?? errorCode, name };
  const partitions = topic.partitions.map((log, partition) => {
    const leaderless = faults.leaderless?.(name, partition) ?? false;
    return {
      errorCode: leaderless ? KafkaCode.LEADER_NOT_AVAILABLE : KafkaCode.NONE,
      partition,
      leader: leaderless ? -1 : NODE_ID,
      leaderEpoch: log.leaderEpoch,
      replicas: [NODE_ID],
      isr: leaderless ? [] : [NODE_ID],
      offlineReplicas: leaderless ? [NODE_ID] : [],
    };
  });
  return { ...NO_TOPIC, errorCode, name, topicId: topic.id, partitions };
}

const NO_TOPIC = { topicId: NO_ID, isInternal: false, partitions: [], authorizedOperations: -2147483648 };
