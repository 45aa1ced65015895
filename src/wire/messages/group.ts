// Layouts of the consumer group APIs (classic protocol): membership, committed offsets, administration.

import {
  array,
  between,
  boolean,
  bytes,
  type Decoded,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  topicOf,
} from "../codec.ts";
import { api } from "./cluster.ts";

const joinGroupRequest = struct({
  groupId: string,
  sessionTimeoutMs: int32,
  rebalanceTimeoutMs: since(1, int32, -1),
  memberId: string,
  groupInstanceId: since(5, nullableString, null),
  protocolType: string,
  protocols: array(struct({ name: string, metadata: bytes })),
});
const joinGroupResponse = struct({
  throttleTimeMs: since(2, int32, 0),
  errorCode: int16,
  generationId: int32,
  protocolName: string,
  leader: string,
  memberId: string,
  members: array(
    struct({ memberId: string, groupInstanceId: since(5, nullableString, null), metadata: bytes }),
  ),
});
/** Versions 0 to 5. */
export const JoinGroup = api("JoinGroup", 11, [0, 5], 6, joinGroupRequest, joinGroupResponse);
export type JoinGroupRequest = Decoded<typeof joinGroupRequest>;
export type JoinGroupResponse = Decoded<typeof joinGroupResponse>;

const syncGroupRequest = struct({
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: since(3, nullableString, null),
  assignments: array(struct({ memberId: string, assignment: bytes })),
});
const syncGroupResponse = struct({ throttleTimeMs: since(1, int32, 0), errorCode: int16, assignment: bytes });
/** Versions 0 to 3. */
export const SyncGroup = api("SyncGroup", 14, [0, 3], 4, syncGroupRequest, syncGroupResponse);
export type SyncGroupRequest = Decoded<typeof syncGroupRequest>;
export type SyncGroupResponse = Decoded<typeof syncGroupResponse>;

const heartbeatRequest = struct({
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: since(3, nullableString, null),
});
/** Versions 0 to 3. */
export const Heartbeat = api(
  "Heartbeat",
  12,
  [0, 3],
  4,
  heartbeatRequest,
  struct({ throttleTimeMs: since(1, int32, 0), errorCode: int16 }),
);

const leaveGroupRequest = struct({
  groupId: string,
  memberId: between(0, 2, string, ""),
  members: since(3, array(struct({ memberId: string, groupInstanceId: nullableString })), []),
});
const leaveGroupResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  errorCode: int16,
  members: since(
    3,
    array(struct({ memberId: string, groupInstanceId: nullableString, errorCode: int16 })),
    [],
  ),
});
/** Versions 0 to 3. */
export const LeaveGroup = api("LeaveGroup", 13, [0, 3], 4, leaveGroupRequest, leaveGroupResponse);

const offsetCommitRequest = struct({
  groupId: string,
  generationId: since(1, int32, -1),
  memberId: since(1, string, ""),
  groupInstanceId: since(7, nullableString, null),
  retentionTimeMs: between(2, 4, int64, -1),
  topics: array(
    topicOf(
      struct({
        partition: int32,
        offset: int64,
        leaderEpoch: since(6, int32, -1),
        metadata: nullableString,
      }),
    ),
  ),
});
const offsetCommitResponse = struct({
  throttleTimeMs: since(3, int32, 0),
  topics: array(topicOf(struct({ partition: int32, errorCode: int16 }))),
});
/** Versions 2 to 7. */
export const OffsetCommit = api("OffsetCommit", 8, [2, 7], 8, offsetCommitRequest, offsetCommitResponse);

const offsetFetchRequest = struct({
  groupId: string,
  topics: nullableArray(topicOf(int32)),
});
const offsetFetchResponse = struct({
  throttleTimeMs: since(3, int32, 0),
  topics: array(
    topicOf(
      struct({
        partition: int32,
        offset: int64,
        leaderEpoch: since(5, int32, -1),
        metadata: nullableString,
        errorCode: int16,
      }),
    ),
  ),
  errorCode: since(2, int16, 0),
});
/** Versions 1 to 5. */
export const OffsetFetch = api("OffsetFetch", 9, [1, 5], 6, offsetFetchRequest, offsetFetchResponse);

const describeGroupsResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  groups: array(
    struct({
      errorCode: int16,
      groupId: string,
      state: string,
      protocolType: string,
      protocol: string,
      members: array(
        struct({
          memberId: string,
          groupInstanceId: since(4, nullableString, null),
          clientId: string,
          clientHost: string,
          metadata: bytes,
          assignment: bytes,
        }),
      ),
      authorizedOperations: since(3, int32, -2147483648),
    }),
  ),
});
const describeGroupsRequest = struct({
  groups: array(string),
  includeAuthorizedOperations: since(3, boolean, false),
});
/** Versions 0 to 4. */
export const DescribeGroups = api(
  "DescribeGroups",
  15,
  [0, 4],
  5,
  describeGroupsRequest,
  describeGroupsResponse,
);

const listGroupsResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  errorCode: int16,
  groups: array(struct({ groupId: string, protocolType: string })),
});
/** Versions 0 to 2. */
export const ListGroups = api("ListGroups", 16, [0, 2], 3, struct({}), listGroupsResponse);

const deleteGroupsResponse = struct({
  throttleTimeMs: int32,
  groups: array(struct({ groupId: string, errorCode: int16 })),
});
/** Versions 0 and 1. */
export const DeleteGroups = api(
  "DeleteGroups",
  42,
  [0, 1],
  2,
  struct({ groups: array(string) }),
  deleteGroupsResponse,
);
