// A member of a consumer group, and the answers that refuse one.

import type { JoinGroupResponse, SyncGroupResponse } from "../wire/messages/group.ts";

/** A member; `join` and `sync` are there while it waits for an answer. */
export interface Member {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  protocols: readonly { name: string; metadata: Buffer }[];
  assignment: Buffer;
  join: ((answer: JoinGroupResponse) => void) | undefined;
  sync: ((answer: SyncGroupResponse) => void) | undefined;
  session: NodeJS.Timeout | undefined;
}

/** A refused join. */
export function noJoin(errorCode: number, memberId: string): JoinGroupResponse {
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

/** A refused sync. */
export function noSync(errorCode: number): SyncGroupResponse {
  return { throttleTimeMs: 0, errorCode, assignment: Buffer.alloc(0) };
}
