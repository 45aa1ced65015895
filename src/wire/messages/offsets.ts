// Layouts of ListOffsets, DeleteRecords and OffsetForLeaderEpoch.

import { array, int8, int16, int32, int64, since, struct, topicOf } from "../codec.ts";
import { api } from "./cluster.ts";

const listOffsetsRequest = struct({
  replicaId: int32,
  isolationLevel: since(2, int8, 0),
  topics: array(
    topicOf(struct({ partition: int32, currentLeaderEpoch: since(4, int32, -1), timestamp: int64 })),
  ),
});
const listOffsetsResponse = struct({
  throttleTimeMs: since(2, int32, 0),
  topics: array(
    topicOf(
      struct({
        partition: int32,
        errorCode: int16,
        timestamp: int64,
        offset: int64,
        leaderEpoch: since(4, int32, -1),
      }),
    ),
  ),
});
/** Versions 1 to 5. */
export const ListOffsets = api("ListOffsets", 2, [1, 5], 6, listOffsetsRequest, listOffsetsResponse);

const deleteRecordsRequest = struct({
  topics: array(topicOf(struct({ partition: int32, offset: int64 }))),
  timeoutMs: int32,
});
const deleteRecordsResponse = struct({
  throttleTimeMs: int32,
  topics: array(topicOf(struct({ partition: int32, lowWatermark: int64, errorCode: int16 }))),
});
export const DeleteRecords = api("DeleteRecords", 21, [0, 1], 2, deleteRecordsRequest, deleteRecordsResponse);

const offsetForLeaderEpochRequest = struct({
  replicaId: since(3, int32, -2),
  topics: array(
    topicOf(struct({ partition: int32, currentLeaderEpoch: since(2, int32, -1), leaderEpoch: int32 })),
  ),
});
const offsetForLeaderEpochResponse = struct({
  throttleTimeMs: since(2, int32, 0),
  topics: array(
    topicOf(
      struct({ errorCode: int16, partition: int32, leaderEpoch: since(1, int32, -1), endOffset: int64 }),
    ),
  ),
});
/** Versions 0 to 3. */
export const OffsetForLeaderEpoch = api(
  "OffsetForLeaderEpoch",
  23,
  [0, 3],
  4,
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
);
