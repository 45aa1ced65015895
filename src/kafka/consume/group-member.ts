// One member of a consumer group (Kafka's classic protocol): joins, assigns the partitions when it is the leader,
// keeps its membership alive, commits offsets. Does not read records.

import type { Log } from "../../core/ports.ts";
import { untilAborted } from "../../core/time.ts";
import type { Api } from "../../wire/codec.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type OwnedPartition,
} from "../../wire/consumer-protocol.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import {
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  OffsetCommit,
  OffsetFetch,
  SyncGroup,
} from "../../wire/messages/group.ts";
import type { Cluster } from "../client/cluster.ts";
import { Coordinator, coordinatorMoved } from "../client/coordinator.ts";
import { BrokerGone, BrokerRefused } from "../client/errors.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { assignPartitions, longestOwnedFirst, type Subscriber } from "./assign.ts";
import {
  type Committed,
  commitErrorsIn,
  committedIn,
  topicsToCommit,
  topicsToFetch,
} from "./group-offsets.ts";
import type { Position } from "./position-fault.ts";

/** The default of `KafkaOptions.sessionTimeoutMs`. */
export const SESSION_MS = 10_000;
/** The rebalance timeout, in milliseconds: the time that members have to join again. */
const REBALANCE_MS = 30_000;
const REQUEST_MS = 5000;
/** The timeout of a heartbeat, in milliseconds: short, so that the session can continue at another coordinator. */
const HEARTBEAT_ANSWER_MS = 2000;
const PROTOCOL = "onramp";

/** Error codes after which the member must join again. */
const REJOIN: readonly number[] = [
  KafkaCode.UNKNOWN_MEMBER_ID,
  KafkaCode.FENCED_INSTANCE_ID,
  KafkaCode.ILLEGAL_GENERATION,
  KafkaCode.REBALANCE_IN_PROGRESS,
];

/** The group rebalances, or this member has lost its partitions: it must join again. */
export class Rebalance extends Error {
  override readonly name = "Rebalance";
}

/** The coordinator cannot be reached, or has moved. The membership remains valid until the session times out. */
export class CoordinatorLost extends Error {
  override readonly name = "CoordinatorLost";
}

/** The result of joining. */
export interface GroupAssignment {
  /** The partitions of this member. */
  readonly own: readonly TopicPartition[];
  /** The partitions of all members; undefined unless this member is the group leader, which assigned them. */
  readonly all: readonly TopicPartition[] | undefined;
}

export interface MemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Returns the number of partitions of a topic. Called once per topic and rebalance, on the group leader
   * only.
   */
  readonly partitionsOf: (topic: string) => Promise<number>;
}

/** The membership in one consumer group. Used by `Consumer` and `Session`. */
export class GroupMember {
  readonly #log: Log;
  readonly #options: MemberOptions;
  readonly #coordinator: Coordinator;
  readonly #sessionMs: number;
  #memberId = "";
  #generation = -1;
  /** The last assignment, which the member claims when it joins again; empty after the membership was lost. */
  #owned: readonly OwnedPartition[] = [];
  #joining = false;

  constructor(cluster: Cluster, log: Log, options: MemberOptions) {
    this.#log = log;
    this.#options = options;
    this.#sessionMs = cluster.options.sessionTimeoutMs ?? SESSION_MS;
    this.#coordinator = new Coordinator(cluster, { key: options.group, keyType: 0 });
  }

  /** The session timeout, in milliseconds: a member that sends no heartbeat for this long loses its partitions. */
  get sessionMs(): number {
    return this.#sessionMs;
  }

  /**
   * Joins the group, or joins it again. Waits for the other members.
   *
   * @throws Rebalance, CoordinatorLost when joining again may succeed; BrokerRefused for an error that joining again does
   * not resolve, such as 30 (the ACL "Read" on the group is missing); the reason of `stopping`
   */
  async join(stopping: AbortSignal): Promise<GroupAssignment> {
    this.#joining = true;
    try {
      return await untilAborted(this.#join(), stopping);
    } finally {
      this.#joining = stopping.aborted;
    }
  }

  /** @throws Rebalance when this member must join again; CoordinatorLost, BrokerRefused */
  async heartbeat(): Promise<void> {
    const request = { ...this.#identity, groupInstanceId: null };
    const { errorCode } = await this.#ask(Heartbeat, request, HEARTBEAT_ANSWER_MS);
    this.#check("sending a heartbeat to group", errorCode);
  }

  /**
   * Commits the position of the next record per partition.
   *
   * @returns the error code per partition that was not committed, such as 29 (the ACL "Read" on the topic is missing)
   * @throws Rebalance when the group rebalances or has assigned the partitions to another member; CoordinatorLost,
   * BrokerRefused
   */
  async commit<T extends TopicPartition>(positions: ReadonlyMap<T, Position>): Promise<Map<T, number>> {
    const topics = topicsToCommit(positions);
    const request = { ...this.#identity, groupInstanceId: null, retentionTimeMs: -1, topics };
    const answer = await this.#ask(OffsetCommit, request);
    const errors = commitErrorsIn(answer.topics, positions.keys());
    for (const [partition, code] of errors) {
      if (REJOIN.includes(code) || coordinatorMoved(code)) this.#check("committing offsets of group", code);
      if (code === KafkaCode.NONE) errors.delete(partition);
    }
    return errors;
  }

  /** The committed position per partition. @throws Rebalance, CoordinatorLost, BrokerRefused */
  async committed<T extends TopicPartition>(partitions: readonly T[]): Promise<Map<T, Committed>> {
    if (partitions.length === 0) return new Map();
    const topics = topicsToFetch(partitions);
    const answer = await this.#ask(OffsetFetch, { groupId: this.#options.group, topics });
    this.#check("reading the committed offsets of group", answer.errorCode);
    return committedIn(answer.topics, partitions);
  }

  /** Leaves the group, so that other members get the partitions now and not at the end of the session. */
  async leave(): Promise<void> {
    // The broker would answer a request on this connection only after the other members have joined.
    if (this.#joining) this.#coordinator.close();
    if (this.#memberId !== "") {
      const memberId = this.#memberId;
      this.#memberId = "";
      const members = [{ memberId, groupInstanceId: null }];
      await this.#ask(LeaveGroup, { groupId: this.#options.group, memberId, members }).catch(
        (error: unknown) =>
          this.#log.debug({ error }, "leaving the group failed; the session of the member will time out"),
      );
    }
    this.#coordinator.close();
  }

  get #identity() {
    return { groupId: this.#options.group, generationId: this.#generation, memberId: this.#memberId };
  }

  async #join(): Promise<GroupAssignment> {
    const { group, topics, partitionsOf } = this.#options;
    const request = {
      groupId: group,
      sessionTimeoutMs: this.#sessionMs,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberId: this.#memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: PROTOCOL, metadata: encodeSubscription({ topics, owned: this.#owned }) }],
    };
    const joined = await this.#ask(JoinGroup, request, REBALANCE_MS + REQUEST_MS);
    if (joined.errorCode === KafkaCode.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId;
      return this.#join();
    }
    this.#check("joining group", joined.errorCode);
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const members = joined.members.map((member) => this.#subscriberOf(member));
    const isLeader = joined.leader === joined.memberId;
    const byMember = isLeader
      ? await assignPartitions(members, partitionsOf)
      : new Map<string, TopicPartition[]>();
    const assignments = [...byMember].map(([memberId, assigned]) => ({
      memberId,
      assignment: encodeAssignment(assigned),
    }));
    const sync = { ...this.#identity, groupInstanceId: null, assignments };
    const synced = await this.#ask(SyncGroup, sync, REBALANCE_MS + REQUEST_MS);
    this.#check("receiving the assignment of group", synced.errorCode);
    const assigned = decodeAssignment(synced.assignment, topics);
    this.#owned = longestOwnedFirst(assigned, this.#owned, this.#generation);
    return { own: this.#owned, all: isLeader ? [...byMember.values()].flat() : undefined };
  }

  /** A member with a malformed subscription gets no partitions. */
  #subscriberOf({ memberId, metadata }: { memberId: string; metadata: Buffer }): Subscriber {
    try {
      return { memberId, ...decodeSubscription(metadata) };
    } catch (error) {
      this.#log.warn({ memberId, error }, "a member of the group sent a malformed subscription");
      return { memberId, topics: [], owned: [] };
    }
  }

  /**
   * @param action what failed, such as "joining group"; the name of the group follows it in the message
   * @throws Rebalance, CoordinatorLost when joining again may help, BrokerRefused when it does not
   */
  #check(action: string, code: number): void {
    if (code === KafkaCode.NONE) return;
    const refused = new BrokerRefused(`${action} ${this.#options.group}`, code);
    if (code === KafkaCode.UNKNOWN_MEMBER_ID || code === KafkaCode.FENCED_INSTANCE_ID) this.#memberId = "";
    if (REJOIN.includes(code)) {
      // After any other of these codes, the group may have assigned the partitions to other members.
      if (code !== KafkaCode.REBALANCE_IN_PROGRESS) this.#owned = [];
      throw new Rebalance(refused.message);
    }
    if (!coordinatorMoved(code)) throw refused;
    this.#coordinator.forget();
    throw new CoordinatorLost(refused.message);
  }

  async #ask<Q, R>(api: Api<Q, R>, body: Q, timeoutMs = REQUEST_MS): Promise<R> {
    return this.#coordinator.ask(api, body, timeoutMs).catch((error: unknown) => {
      const lost =
        error instanceof BrokerGone || (error instanceof BrokerRefused && coordinatorMoved(error.code));
      throw lost ? new CoordinatorLost(error.message) : error;
    });
  }
}
