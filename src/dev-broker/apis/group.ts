// Implements the consumer group APIs: join, sync, heartbeat, leave, commit and fetch offsets, describe, list, delete.

import { KafkaCode } from "../../wire/error-codes.ts";
import {
  DeleteGroups,
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  OffsetFetch,
  SyncGroup,
} from "../../wire/messages/group.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { Group } from "../group.ts";
import { joinError, syncError } from "../member.ts";

/** The default of `group.max.session.timeout.ms`. */
const MOST_SESSION_MS = 1_800_000;
const NO_BYTES = Buffer.alloc(0);

export const groupApis: readonly Endpoint[] = [
  endpoint(JoinGroup, [0, 5], ({ groups }, request, { version, clientId, host }) => {
    const { groupId, sessionTimeoutMs, memberId } = request;
    const refuse = (errorCode: number) => joinError(errorCode, memberId);
    if (groupId === "") return refuse(KafkaCode.INVALID_GROUP_ID);
    if (sessionTimeoutMs <= 0 || sessionTimeoutMs > MOST_SESSION_MS)
      return refuse(KafkaCode.INVALID_SESSION_TIMEOUT);
    return groups.get(groupId).join(request, version, { id: clientId, host });
  }),
  endpoint(
    SyncGroup,
    [0, 3],
    ({ groups }, request) =>
      groups.find(request.groupId)?.sync(request) ?? syncError(KafkaCode.UNKNOWN_MEMBER_ID),
  ),
  endpoint(Heartbeat, [0, 3], ({ groups }, { groupId, memberId, generationId }) => ({
    throttleTimeMs: 0,
    errorCode: groups.find(groupId)?.heartbeat(memberId, generationId) ?? KafkaCode.UNKNOWN_MEMBER_ID,
  })),
  endpoint(LeaveGroup, [0, 3], ({ groups }, { groupId, memberId, members }, { version }) => {
    const group = groups.find(groupId);
    const leave = (id: string): number => group?.leave(id) ?? KafkaCode.UNKNOWN_MEMBER_ID;
    if (version < 3) return { throttleTimeMs: 0, errorCode: leave(memberId), members: [] };
    return {
      throttleTimeMs: 0,
      errorCode: KafkaCode.NONE,
      members: members.map((member) => ({ ...member, errorCode: leave(member.memberId) })),
    };
  }),
  endpoint(
    OffsetCommit,
    [2, 7],
    ({ groups, topics: store, faults }, { groupId, memberId, generationId, topics }) => {
      const group = groups.get(groupId);
      const groupError = faults.commit?.(groupId) ?? commitErrorCode(group, memberId, generationId);
      return {
        throttleTimeMs: 0,
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partition, offset, leaderEpoch, metadata }) => {
            const errorCode =
              groupError !== KafkaCode.NONE
                ? groupError
                : store.log(name, partition)
                  ? (faults.topic?.(name) ?? KafkaCode.NONE)
                  : KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
            if (errorCode === KafkaCode.NONE)
              group.offsets.set(`${name}/${partition}`, { offset, leaderEpoch, metadata });
            return { partition, errorCode };
          }),
        })),
      };
    },
  ),
  endpoint(OffsetFetch, [1, 5], ({ groups }, { groupId, topics }) => {
    const group = groups.find(groupId);
    const requested = topics ?? committedPartitions(group);
    return {
      throttleTimeMs: 0,
      topics: requested.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => {
          const committed = group?.offsets.get(`${name}/${partition}`) ?? {
            offset: -1,
            leaderEpoch: -1,
            metadata: "",
          };
          return { partition, ...committed, errorCode: KafkaCode.NONE };
        }),
      })),
      errorCode: KafkaCode.NONE,
    };
  }),
  endpoint(DescribeGroups, [0, 4], ({ groups }, request) => ({
    throttleTimeMs: 0,
    groups: request.groups.map((id) => describe(id, groups.find(id))),
  })),
  endpoint(ListGroups, [0, 2], ({ groups }) => ({
    throttleTimeMs: 0,
    errorCode: KafkaCode.NONE,
    groups: groups.all.map(({ id, protocolType }) => ({ groupId: id, protocolType })),
  })),
  endpoint(DeleteGroups, [0, 1], ({ groups }, request) => ({
    throttleTimeMs: 0,
    groups: request.groups.map((groupId) => {
      const group = groups.find(groupId);
      const errorCode = !group
        ? KafkaCode.GROUP_ID_NOT_FOUND
        : group.members.size > 0
          ? KafkaCode.NON_EMPTY_GROUP
          : KafkaCode.NONE;
      if (errorCode === KafkaCode.NONE) groups.delete(groupId);
      return { groupId, errorCode };
    }),
  })),
];

/** The error code of an OffsetCommit. A client that is not a member may commit only while the group has no members. */
function commitErrorCode(group: Group, memberId: string, generationId: number): number {
  if (generationId < 0 && memberId === "")
    return group.members.size === 0 ? KafkaCode.NONE : KafkaCode.UNKNOWN_MEMBER_ID;
  const errorCode = group.memberErrorCode(memberId, generationId);
  return errorCode === KafkaCode.NONE && group.state === "CompletingRebalance"
    ? KafkaCode.REBALANCE_IN_PROGRESS
    : errorCode;
}

/** The partitions for which the group has committed offsets, per topic. */
function committedPartitions(group: Group | undefined): { name: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const key of group?.offsets.keys() ?? []) {
    const slash = key.lastIndexOf("/");
    const name = key.slice(0, slash);
    byTopic.set(name, [...(byTopic.get(name) ?? []), Number(key.slice(slash + 1))]);
  }
  return [...byTopic].map(([name, partitions]) => ({ name, partitions }));
}

function describe(groupId: string, group: Group | undefined) {
  const stable = group?.state === "Stable";
  const members = [...(group?.members.values() ?? [])].map(
    ({ id, instanceId, clientId, clientHost, protocols, assignment }) => ({
      memberId: id,
      groupInstanceId: instanceId,
      clientId,
      clientHost,
      metadata: (stable && protocols.find(({ name }) => name === group?.protocol)?.metadata) || NO_BYTES,
      assignment: stable ? assignment : NO_BYTES,
    }),
  );
  return {
    errorCode: KafkaCode.NONE,
    groupId,
    state: group?.state ?? "Dead",
    protocolType: group?.protocolType ?? "",
    protocol: stable ? (group?.protocol ?? "") : "",
    members,
    authorizedOperations: -2147483648,
  };
}
