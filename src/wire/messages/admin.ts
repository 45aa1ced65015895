// Layouts of the APIs that create, delete and extend topics, and that describe and alter configurations.

import {
  array,
  boolean,
  type Decoded,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from "../codec.ts";
import { api } from "./cluster.ts";

const createTopicsRequest = struct({
  topics: array(
    struct({
      name: string,
      partitions: int32,
      replicationFactor: int16,
      assignments: array(struct({ partition: int32, brokerIds: array(int32) })),
      configs: array(struct({ name: string, value: nullableString })),
    }),
  ),
  timeoutMs: int32,
  validateOnly: since(1, boolean, false),
});
const createTopicsResponse = struct({
  throttleTimeMs: since(2, int32, 0),
  topics: array(struct({ name: string, errorCode: int16, errorMessage: since(1, nullableString, null) })),
});
/** Versions 0 to 4. */
export const CreateTopics = api("CreateTopics", 19, [2, 4], 5, createTopicsRequest, createTopicsResponse);
export type CreatableTopic = Decoded<typeof createTopicsRequest>["topics"][number];

const deleteTopicsRequest = struct({ names: array(string), timeoutMs: int32 });
const deleteTopicsResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  topics: array(struct({ name: string, errorCode: int16 })),
});
/** Versions 0 to 3. */
export const DeleteTopics = api("DeleteTopics", 20, [1, 3], 4, deleteTopicsRequest, deleteTopicsResponse);

const createPartitionsRequest = struct({
  topics: array(struct({ name: string, count: int32, assignments: nullableArray(array(int32)) })),
  timeoutMs: int32,
  validateOnly: boolean,
});
const createPartitionsResponse = struct({
  throttleTimeMs: int32,
  topics: array(struct({ name: string, errorCode: int16, errorMessage: nullableString })),
});
/** Versions 0 and 1. */
export const CreatePartitions = api(
  "CreatePartitions",
  37,
  [0, 1],
  2,
  createPartitionsRequest,
  createPartitionsResponse,
);

const describeConfigsRequest = struct({
  resources: array(struct({ type: int8, name: string, keys: nullableArray(string) })),
  includeSynonyms: since(1, boolean, false),
});
const describeConfigsResponse = struct({
  throttleTimeMs: int32,
  resources: array(
    struct({
      errorCode: int16,
      errorMessage: nullableString,
      type: int8,
      name: string,
      configs: array(
        struct({
          name: string,
          value: nullableString,
          readOnly: boolean,
          source: int8,
          isSensitive: boolean,
          synonyms: array(struct({ name: string, value: nullableString, source: int8 })),
        }),
      ),
    }),
  ),
});
/** In bytes. A topic has about 40 configurations, and one request may be about all topics in use. */
const MAX_CONFIGS = 64 * 1024 * 1024;
/** Versions 1 and 2. */
export const DescribeConfigs = api(
  "DescribeConfigs",
  32,
  [1, 2],
  4,
  describeConfigsRequest,
  describeConfigsResponse,
  MAX_CONFIGS,
);

const resourceAnswers = struct({
  throttleTimeMs: int32,
  resources: array(struct({ errorCode: int16, errorMessage: nullableString, type: int8, name: string })),
});
const alterConfigsRequest = struct({
  resources: array(
    struct({ type: int8, name: string, configs: array(struct({ name: string, value: nullableString })) }),
  ),
  validateOnly: boolean,
});
/** Versions 0 and 1. */
export const AlterConfigs = api("AlterConfigs", 33, [0, 1], 2, alterConfigsRequest, resourceAnswers);

const incrementalAlterConfigsRequest = struct({
  resources: array(
    struct({
      type: int8,
      name: string,
      configs: array(struct({ name: string, operation: int8, value: nullableString })),
    }),
  ),
  validateOnly: boolean,
});
/** Version 0. */
export const IncrementalAlterConfigs = api(
  "IncrementalAlterConfigs",
  44,
  [0, 0],
  1,
  incrementalAlterConfigsRequest,
  resourceAnswers,
);
