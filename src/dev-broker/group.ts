// One consumer group, classic protocol: members, rebalances, sessions, committed offsets.

import { randomUUID } from "node:crypto";
import { KafkaCode } from "../wire/error-codes.ts";
import type {
  JoinGroupRequest,
  JoinGroupResponse,
  SyncGroupRequest,
  SyncGroupResponse,
} from "../wire/messages/group.ts";
import { type Member, noJoin, noSync } from "./member.ts";

export interface Committed {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

export type GroupStateName = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** A group and its members. */
export class Group {
  readonly id: string;
  readonly members = new Map<string, Member>();
  /** By `topic/partition`. */
  readonly offsets = new Map<string, Committed>();
  state: GroupStateName = "Empty";
  protocolType = "";
  protocol = "";
  generation = 0;
  leader = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /** A member joins, or joins again. Answered when the rebalance that this starts is complete. */
  join(
    request: JoinGroupRequest,
    version: number,
    client: { id: string; host: string },
  ): Promise<JoinGroupResponse> {
    const { memberId, protocols, protocolType, groupInstanceId } = request;
    const refuse = (errorCode: number, id = memberId): Promise<JoinGroupResponse> =>
      Promise.resolve(noJoin(errorCode, id));
    if (this.members.size > 0 && (this.protocolType !== protocolType || !this.#shares(protocols, memberId)))
      return refuse(KafkaCode.INCONSISTENT_GROUP_PROTOCOL);
    if (memberId === "" && version >= 4 && groupInstanceId === null)
      return refuse(KafkaCode.MEMBER_ID_REQUIRED, `${client.id}-${randomUUID()}`);
    const replaced =
      groupInstanceId === null
        ? undefined
        : [...this.members.values()].find((member) => member.instanceId === groupInstanceId);
    if (replaced && memberId === "") this.#remove(replaced);
    // An id that we handed out with KafkaCode.MEMBER_ID_REQUIRED is not a member yet; one with another prefix never was.
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

  /** A member asks for its share; answered when the leader has handed out all. */
  sync({ memberId, generationId, assignments }: SyncGroupRequest): Promise<SyncGroupResponse> {
    const fault = this.memberFault(memberId, generationId);
    const member = this.members.get(memberId);
    const answer = (errorCode: number): SyncGroupResponse => ({
      throttleTimeMs: 0,
      errorCode,
      assignment: errorCode === KafkaCode.NONE && member ? member.assignment : Buffer.alloc(0),
    });
    if (fault !== KafkaCode.NONE || !member) return Promise.resolve(answer(fault));
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
        this.#expectHeartbeat(waiting);
      }
    });
  }

  heartbeat(memberId: string, generationId: number): number {
    const fault = this.memberFault(memberId, generationId);
    const member = this.members.get(memberId);
    if (fault !== KafkaCode.NONE || !member) return fault;
    this.#expectHeartbeat(member);
    return this.state === "PreparingRebalance" ? KafkaCode.REBALANCE_IN_PROGRESS : KafkaCode.NONE;
  }

  leave(memberId: string): number {
    const member = this.members.get(memberId);
    if (!member) return KafkaCode.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return KafkaCode.NONE;
  }

  /** Why a member of a generation may not speak for the group; 0 when it may. */
  memberFault(memberId: string, generationId: number): number {
    if (!this.members.has(memberId)) return KafkaCode.UNKNOWN_MEMBER_ID;
    return generationId === this.generation ? KafkaCode.NONE : KafkaCode.ILLEGAL_GENERATION;
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const member of this.members.values()) clearTimeout(member.session);
  }

  #remove(member: Member): void {
    clearTimeout(member.session);
    this.members.delete(member.id);
    member.join?.(noJoin(KafkaCode.UNKNOWN_MEMBER_ID, member.id));
    member.sync?.(noSync(KafkaCode.UNKNOWN_MEMBER_ID));
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
        member.sync?.(noSync(KafkaCode.REBALANCE_IN_PROGRESS));
        member.sync = undefined;
      }
      const longest = Math.max(...[...this.members.values()].map((member) => member.rebalanceMs));
      this.#timer = setTimeout(() => this.#giveUpOnAbsent(), longest);
    }
    if ([...this.members.values()].every((member) => member.join)) this.#completeJoin();
  }

  #giveUpOnAbsent(): void {
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
      this.#expectHeartbeat(member);
    }
  }

  #expectHeartbeat(member: Member): void {
    clearTimeout(member.session);
    member.session = setTimeout(() => {
      if (member.join) this.#expectHeartbeat(member);
      else this.#remove(member);
    }, member.sessionMs);
  }

  #shares(protocols: JoinGroupRequest["protocols"], memberId: string): boolean {
    const others = [...this.members.values()].filter((member) => member.id !== memberId);
    return protocols.some(({ name }) =>
      others.every((member) => member.protocols.some((protocol) => protocol.name === name)),
    );
  }
}
