// Manages one consumer group (classic protocol): members, rebalances, sessions, committed offsets.

import { randomUUID } from "node:crypto";
import { KafkaCode } from "../wire/error-codes.ts";
import type {
  JoinGroupRequest,
  JoinGroupResponse,
  SyncGroupRequest,
  SyncGroupResponse,
} from "../wire/messages/group.ts";
import { joinError, type Member, syncError } from "./member.ts";

/** A committed offset of one partition. */
export interface CommittedOffset {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

export type GroupStateName = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** A group and its members. */
export class Group {
  readonly id: string;
  readonly members = new Map<string, Member>();
  /** Committed offsets. The key is `topic/partition`. */
  readonly offsets = new Map<string, CommittedOffset>();
  state: GroupStateName = "Empty";
  protocolType = "";
  protocol = "";
  generation = 0;
  leader = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /**
   * Handles JoinGroup of a new or existing member. Resolves when all members have joined, or their time is
   * up.
   */
  join(
    request: JoinGroupRequest,
    version: number,
    client: { id: string; host: string },
  ): Promise<JoinGroupResponse> {
    const { memberId, protocols, protocolType, groupInstanceId } = request;
    const refuse = (errorCode: number, id = memberId): Promise<JoinGroupResponse> =>
      Promise.resolve(joinError(errorCode, id));
    if (
      this.members.size > 0 &&
      (this.protocolType !== protocolType || !this.#hasCommonProtocol(protocols, memberId))
    )
      return refuse(KafkaCode.INCONSISTENT_GROUP_PROTOCOL);
    if (memberId === "" && version >= 4 && groupInstanceId === null)
      return refuse(KafkaCode.MEMBER_ID_REQUIRED, `${client.id}-${randomUUID()}`);
    const replaced =
      groupInstanceId === null
        ? undefined
        : [...this.members.values()].find((member) => member.instanceId === groupInstanceId);
    if (replaced && memberId === "") this.#remove(replaced);
    // An id with this prefix may come from a MEMBER_ID_REQUIRED response: the client is not a member yet.
    if (memberId !== "" && !this.members.has(memberId) && !memberId.startsWith(`${client.id}-`))
      return refuse(KafkaCode.UNKNOWN_MEMBER_ID);
    const id = memberId === "" ? `${client.id}-${randomUUID()}` : memberId;
    const member: Member = this.members.get(id) ?? {
      id,
      instanceId: groupInstanceId,
      clientId: client.id,
      clientHost: client.host,
      sessionMs: request.sessionTimeoutMs,
      rebalanceMs: request.rebalanceTimeoutMs > 0 ? request.rebalanceTimeoutMs : request.sessionTimeoutMs,
      protocols,
      assignment: Buffer.alloc(0),
      join: undefined,
      sync: undefined,
      session: undefined,
    };
    member.protocols = protocols;
    this.members.set(id, member);
    this.protocolType = protocolType;
    clearTimeout(member.session);
    return new Promise((resolve) => {
      member.join = resolve;
      this.#prepareRebalance();
    });
  }

  /** Handles SyncGroup. Resolves with the member's assignment when the leader has sent all assignments. */
  sync({ memberId, generationId, assignments }: SyncGroupRequest): Promise<SyncGroupResponse> {
    const errorCode = this.memberErrorCode(memberId, generationId);
    const member = this.members.get(memberId);
    const answer = (errorCode: number): SyncGroupResponse => ({
      throttleTimeMs: 0,
      errorCode,
      assignment: errorCode === KafkaCode.NONE && member ? member.assignment : Buffer.alloc(0),
    });
    if (errorCode !== KafkaCode.NONE || !member) return Promise.resolve(answer(errorCode));
    if (this.state === "PreparingRebalance") return Promise.resolve(answer(KafkaCode.REBALANCE_IN_PROGRESS));
    if (this.state === "Stable") return Promise.resolve(answer(KafkaCode.NONE));
    return new Promise((resolve) => {
      member.sync = resolve;
      if (memberId !== this.leader) return;
      for (const { memberId: id, assignment } of assignments) {
        const target = this.members.get(id);
        if (target) target.assignment = Buffer.from(assignment);
      }
      this.state = "Stable";
      for (const waiting of this.members.values()) {
        waiting.sync?.({ throttleTimeMs: 0, errorCode: KafkaCode.NONE, assignment: waiting.assignment });
        waiting.sync = undefined;
        this.#restartSession(waiting);
      }
    });
  }

  heartbeat(memberId: string, generationId: number): number {
    const errorCode = this.memberErrorCode(memberId, generationId);
    const member = this.members.get(memberId);
    if (errorCode !== KafkaCode.NONE || !member) return errorCode;
    this.#restartSession(member);
    return this.state === "PreparingRebalance" ? KafkaCode.REBALANCE_IN_PROGRESS : KafkaCode.NONE;
  }

  leave(memberId: string): number {
    const member = this.members.get(memberId);
    if (!member) return KafkaCode.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return KafkaCode.NONE;
  }

  /** The error code for a request with this member id and generation; 0 when both are valid. */
  memberErrorCode(memberId: string, generationId: number): number {
    if (!this.members.has(memberId)) return KafkaCode.UNKNOWN_MEMBER_ID;
    return generationId === this.generation ? KafkaCode.NONE : KafkaCode.ILLEGAL_GENERATION;
  }

  /** Stops all timers. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const member of this.members.values()) clearTimeout(member.session);
  }

  #remove(member: Member): void {
    clearTimeout(member.session);
    this.members.delete(member.id);
    member.join?.(joinError(KafkaCode.UNKNOWN_MEMBER_ID, member.id));
    member.sync?.(syncError(KafkaCode.UNKNOWN_MEMBER_ID));
    if (this.members.size > 0) return this.#prepareRebalance();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.generation++;
    this.state = "Empty";
    this.protocol = "";
  }

  #prepareRebalance(): void {
    if (this.state !== "PreparingRebalance") {
      this.state = "PreparingRebalance";
      for (const member of this.members.values()) {
        member.sync?.(syncError(KafkaCode.REBALANCE_IN_PROGRESS));
        member.sync = undefined;
      }
      const longest = Math.max(...[...this.members.values()].map((member) => member.rebalanceMs));
      this.#timer = setTimeout(() => this.#removeAbsentMembers(), longest);
    }
    if ([...this.members.values()].every((member) => member.join)) this.#completeJoin();
  }

  #removeAbsentMembers(): void {
    for (const member of [...this.members.values()]) {
      if (member.join) continue;
      clearTimeout(member.session);
      this.members.delete(member.id);
    }
    if (this.members.size > 0) this.#completeJoin();
    else this.state = "Empty";
  }

  #completeJoin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.generation++;
    this.state = "CompletingRebalance";
    const members = [...this.members.values()];
    this.protocol =
      (members[0] as Member).protocols.find(({ name }) =>
        members.every((member) => member.protocols.some((protocol) => protocol.name === name)),
      )?.name ?? "";
    if (!this.members.has(this.leader)) this.leader = (members[0] as Member).id;
    for (const member of members) {
      const all = members.map(({ id, instanceId, protocols }) => ({
        memberId: id,
        groupInstanceId: instanceId,
        metadata: protocols.find(({ name }) => name === this.protocol)?.metadata ?? Buffer.alloc(0),
      }));
      member.join?.({
        throttleTimeMs: 0,
        errorCode: KafkaCode.NONE,
        generationId: this.generation,
        protocolName: this.protocol,
        leader: this.leader,
        memberId: member.id,
        members: member.id === this.leader ? all : [],
      });
      member.join = undefined;
      this.#restartSession(member);
    }
  }

  #restartSession(member: Member): void {
    clearTimeout(member.session);
    member.session = setTimeout(() => {
      // A member that waits for its JoinGroup response sends no heartbeats.
      if (member.join) this.#restartSession(member);
      else this.#remove(member);
    }, member.sessionMs);
  }

  #hasCommonProtocol(protocols: JoinGroupRequest["protocols"], memberId: string): boolean {
    const others = [...this.members.values()].filter((member) => member.id !== memberId);
    return protocols.some(({ name }) =>
      others.every((member) => member.protocols.some((protocol) => protocol.name === name)),
    );
  }
}
