// Defines a member of a consumer group, and the responses that reject its requests.

import type { JoinGroupResponse, SyncGroupResponse } from "../wire/messages/group.ts";

/** A member of a consumer group. */
export interface Member {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  protocols: readonly { name: string; metadata: Buffer }[];
  assignment: Buffer;
  /** Sends the JoinGroup response. Undefined unless one is pending. */
  join: ((answer: JoinGroupResponse) => void) | undefined;
  /** Sends the SyncGroup response. Undefined unless one is pending. */
  sync: ((answer: SyncGroupResponse) => void) | undefined;
  /** Removes the member when no heartbeat arrives in time. */
  session: NodeJS.Timeout | undefined;
}

/** Returns a JoinGroup response with an error. */
export function joinError(errorCode: number, memberId: string): JoinGroupResponse {
  return {
    throttleTimeMs: 0,
    errorCode,
    generationId: -1,
    protocolName: "",
    leader: "",
    memberId,
    members: [],
  };
}

/** Returns a SyncGroup response with an error. */
export function syncError(errorCode: number): SyncGroupResponse {
  return { throttleTimeMs: 0, errorCode, assignment: Buffer.alloc(0) };
}
