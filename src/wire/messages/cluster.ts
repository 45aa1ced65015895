// Layouts of ApiVersions, Metadata, InitProducerId, SaslHandshake, SaslAuthenticate and FindCoordinator.

import {
  type Api,
  array,
  between,
  boolean,
  bytes,
  type Codec,
  type Decoded,
  int8,
  int16,
  int32,
  int64,
  NO_ID,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  uuid,
  type VersionRange,
} from "../codec.ts";
import { TruncatedError } from "../reader.ts";

/** The largest response of an API without a limit of its own, such as Metadata, in bytes. */
const MAX_RESPONSE = 16 * 1024 * 1024;
/** The largest response before the login, in bytes. */
const MAX_LOGIN_RESPONSE = 1024 * 1024;

const apiVersionsRequest = struct({ software: since(3, string, ""), softwareVersion: since(3, string, "") });
const apiVersionsResponse = struct({
  errorCode: int16,
  apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
  throttleTimeMs: since(1, int32, 0),
});
export const ApiVersions = api(
  "ApiVersions",
  18,
  [0, 0],
  3,
  apiVersionsRequest,
  apiVersionsResponse,
  MAX_LOGIN_RESPONSE,
);

/** An array of partitions. Its elements have the numbers 0 to n-1 in any order: Kafka does not sort them. */
function partitionList<T extends { partition: number }>(element: Codec<T>): Codec<T[]> {
  const list = array(element);
  return {
    read(reader, version) {
      const partitions = list.read(reader, version);
      const seen = new Uint8Array(partitions.length);
      for (const { partition } of partitions) {
        if (seen[partition] !== 0)
          throw new TruncatedError(
            `partition ${partition} is given twice, or is not one of the ${partitions.length} partitions of its topic`,
          );
        seen[partition] = 1;
      }
      return partitions;
    },
    write: list.write,
  };
}

const metadataRequest = struct({
  topics: nullableArray(struct({ topicId: since(10, uuid, NO_ID), name: nullableString })),
  allowAutoTopicCreation: since(4, boolean, true),
  includeClusterAuthorizedOperations: between(8, 10, boolean, false),
  includeTopicAuthorizedOperations: since(8, boolean, false),
});
const metadataResponse = struct({
  throttleTimeMs: since(3, int32, 0),
  brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: since(1, nullableString, null) })),
  clusterId: since(2, nullableString, null),
  controllerId: since(1, int32, -1),
  topics: array(
    struct({
      errorCode: int16,
      name: nullableString,
      topicId: since(10, uuid, NO_ID),
      isInternal: since(1, boolean, false),
      partitions: partitionList(
        struct({
          errorCode: int16,
          partition: int32,
          leader: int32,
          leaderEpoch: since(7, int32, -1),
          replicas: array(int32),
          isr: array(int32),
          offlineReplicas: since(5, array(int32), []),
        }),
      ),
      authorizedOperations: since(8, int32, -2147483648),
    }),
  ),
  authorizedOperations: between(8, 10, int32, -2147483648),
});
/** Versions 0 to 12. Version 10 adds topic ids. From version 12 on, a topic can be requested by its id alone. */
export const Metadata = api("Metadata", 3, [4, 12], 9, metadataRequest, metadataResponse);
/** The body of a Metadata request about topics, by name; null requests all topics. Never creates a topic. */
export const metadataOf = (names: readonly string[] | null): Decoded<typeof metadataRequest> => ({
  topics: names?.map((name) => ({ topicId: NO_ID, name })) ?? null,
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
});
export type MetadataResponse = Decoded<typeof metadataResponse>;

const initProducerIdRequest = struct({
  transactionalId: nullableString,
  transactionTimeoutMs: int32,
  producerId: since(3, int64, -1),
  producerEpoch: since(3, int16, -1),
});
const initProducerIdResponse = struct({
  throttleTimeMs: int32,
  errorCode: int16,
  producerId: int64,
  producerEpoch: int16,
});
export const InitProducerId = api(
  "InitProducerId",
  22,
  [0, 4],
  2,
  initProducerIdRequest,
  initProducerIdResponse,
);

const saslHandshakeResponse = struct({ errorCode: int16, mechanisms: array(string) });
export const SaslHandshake = api(
  "SaslHandshake",
  17,
  [1, 1],
  99,
  struct({ mechanism: string }),
  saslHandshakeResponse,
  MAX_LOGIN_RESPONSE,
);

const saslAuthenticateResponse = struct({
  errorCode: int16,
  errorMessage: nullableString,
  authBytes: bytes,
  sessionLifetimeMs: since(1, int64, 0),
});
export const SaslAuthenticate = api(
  "SaslAuthenticate",
  36,
  [0, 1],
  2,
  struct({ authBytes: bytes }),
  saslAuthenticateResponse,
  MAX_LOGIN_RESPONSE,
);

const findCoordinatorRequest = struct({ key: string, keyType: since(1, int8, 0) });
const findCoordinatorResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  errorCode: int16,
  errorMessage: between(1, 3, nullableString, null),
  nodeId: int32,
  host: string,
  port: int32,
});
export const FindCoordinator = api(
  "FindCoordinator",
  10,
  [0, 2],
  3,
  findCoordinatorRequest,
  findCoordinatorResponse,
);

/** Declares an API. @param maxResponse the largest accepted response, in bytes. Default: 16 MB */
export function api<Q, R>(
  name: string,
  key: number,
  versions: VersionRange,
  flexibleSince: number,
  request: Api<Q, R>["request"],
  response: Api<Q, R>["response"],
  maxResponse = MAX_RESPONSE,
): Api<Q, R> {
  return { name, key, versions, flexibleSince, maxResponse, request, response };
}
