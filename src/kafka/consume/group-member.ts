// One member of a consumer group (Kafka's classic protocol): joins, shares the partitions out when it is the leader,
// keeps its membership alive, commits offsets. Knows nothing of records.

import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../core/ports.ts";
import type { Api } from "../../wire/codec.ts";
import {
  type Assignment,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../wire/consumer-protocol.ts";
import { FindCoordinator } from "../../wire/messages/cluster.ts";
import {
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  OffsetCommit,
  OffsetFetch,
  SyncGroup,
} from "../../wire/messages/group.ts";
import type { Cluster } from "../client/cluster.ts";
import { BrokerRefused } from "../client/errors.ts";
import { groupBy, type TopicPartition } from "../client/topic-partition.ts";
import { shareOut } from "./assign.ts";

/** A member that is not heard of for so long has its partitions given away. */
export const SESSION_MS = 10_000;
/** How long members have to come back when the partitions are shared out anew. */
const REBALANCE_MS = 30_000;
const REQUEST_MS = 5000;
const PAUSE_MS = 200;
const PROTOCOL = "onramp";

const COORDINATOR_LOADING = 14;
const COORDINATOR_GONE = 15;
const NOT_COORDINATOR = 16;
const ILLEGAL_GENERATION = 22;
const UNKNOWN_MEMBER = 25;
const REBALANCING = 27;
const MEMBER_ID_REQUIRED = 79;
const FENCED = 82;
const ELSEWHERE = [COORDINATOR_LOADING, COORDINATOR_GONE, NOT_COORDINATOR];

/** The partitions have to be shared out anew, or are no longer ours: join again. */
export class Rebalance extends Error {
  override readonly name = "Rebalance";
}

/** What came of joining. */
export interface Share {
  readonly own: TopicPartition[];
  /** Everybody's partitions, for the member that shared them out. */
  readonly all: TopicPartition[] | undefined;
}

export interface MemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** How many partitions a topic has; asked of the leader when it shares them out. */
  readonly partitionsOf: (topic: string) => Promise<number>;
}

/** Membership in a group. */
export class GroupMember {
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #options: MemberOptions;
  #coordinator: number | undefined;
  #memberId = "";
  #generation = -1;

  constructor(cluster: Cluster, log: Log, options: MemberOptions) {
    this.#cluster = cluster;
    this.#log = log;
    this.#options = options;
  }

  /**
   * Joins, or joins again, and resolves with our share.
   *
   * @throws BrokerRefused for what waiting does not mend (30: the ACL "Read" on the group is missing), BrokerGone
   */
  async join(signal: AbortSignal): Promise<Share> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await this.#joinOnce();
      } catch (error) {
        if (!(error instanceof Rebalance)) throw error;
        await delay(PAUSE_MS, undefined, { signal });
      }
    }
  }

  /** @throws Rebalance when we have to join again */
  async heartbeat(): Promise<void> {
    const { errorCode } = await this.#ask(Heartbeat, 3, { ...this.#identity, groupInstanceId: null });
    this.#check("keeping the membership alive", errorCode);
  }

  /** Commits where we go on. @throws Rebalance when the partitions are no longer ours */
  async commit(offsets: ReadonlyMap<TopicPartition, number>): Promise<void> {
    const topics = groupBy([...offsets], ([{ topic }]) => topic).map(([name, entries]) => ({
      name,
      partitions: entries.map(([{ partition }, offset]) => ({
        partition,
        offset,
        leaderEpoch: -1,
        metadata: "",
      })),
    }));
    const request = { ...this.#identity, groupInstanceId: null, retentionTimeMs: -1, topics };
    for (let tries = 0; ; tries++) {
      const answer = await this.#ask(OffsetCommit, 7, request);
      const bad = answer.topics
        .flatMap(({ partitions }) => partitions)
        .find(({ errorCode }) => errorCode !== 0);
      if (!bad) return;
      if (!ELSEWHERE.includes(bad.errorCode) || tries >= 10)
        return this.#check("committing offsets", bad.errorCode);
      this.#coordinator = undefined;
      await delay(PAUSE_MS);
    }
  }

  /** What the group committed; -1 where it has not. */
  async committed(partitions: readonly TopicPartition[]): Promise<Map<TopicPartition, number>> {
    if (partitions.length === 0) return new Map();
    const topics = groupBy(partitions, ({ topic }) => topic).map(([name, of]) => ({
      name,
      partitions: of.map(({ partition }) => partition),
    }));
    const answer = await this.#ask(OffsetFetch, 5, { groupId: this.#options.group, topics });
    this.#check("reading committed offsets", answer.errorCode);
    const found = new Map<TopicPartition, number>();
    for (const { name, partitions: of } of answer.topics)
      for (const { partition, offset, errorCode } of of) {
        this.#check(`reading the committed offset of ${name}/${partition}`, errorCode);
        const place = partitions.find((each) => each.topic === name && each.partition === partition);
        if (place) found.set(place, offset);
      }
    return found;
  }

  /** Gives the partitions back at once, so that others need not wait for the session to end. */
  async leave(): Promise<void> {
    if (this.#memberId === "") return;
    const memberId = this.#memberId;
    this.#memberId = "";
    const members = [{ memberId, groupInstanceId: null }];
    await this.#ask(LeaveGroup, 3, { groupId: this.#options.group, memberId: "", members }).catch(
      (error: unknown) => this.#log.debug({ error }, "leaving the group failed; its session will end"),
    );
  }

  get #identity() {
    return { groupId: this.#options.group, generationId: this.#generation, memberId: this.#memberId };
  }

  async #joinOnce(): Promise<Share> {
    const { group, topics, partitionsOf } = this.#options;
    const joined = await this.#ask(
      JoinGroup,
      5,
      {
        groupId: group,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: REBALANCE_MS,
        memberId: this.#memberId,
        groupInstanceId: null,
        protocolType: "consumer",
        protocols: [{ name: PROTOCOL, metadata: encodeSubscription(topics) }],
      },
      REBALANCE_MS + REQUEST_MS,
    );
    if (joined.errorCode === MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId;
      return this.#joinOnce();
    }
    this.#check("joining the group", joined.errorCode);
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const members = joined.members.map(({ memberId, metadata }) => ({
      memberId,
      topics: decodeSubscription(metadata),
    }));
    const leads = joined.leader === joined.memberId;
    const shares = leads ? await shareOut(members, partitionsOf) : new Map<string, Assignment>();
    const assignments = [...shares].map(([memberId, share]) => ({
      memberId,
      assignment: encodeAssignment(share),
    }));
    const synced = await this.#ask(
      SyncGroup,
      3,
      { ...this.#identity, groupInstanceId: null, assignments },
      REBALANCE_MS + REQUEST_MS,
    );
    this.#check("taking our share of the partitions", synced.errorCode);
    return {
      own: placesOf(decodeAssignment(synced.assignment)),
      all: leads ? [...shares.values()].flatMap(placesOf) : undefined,
    };
  }

  /** @throws Rebalance where joining again mends it, BrokerRefused where it does not */
  #check(doing: string, code: number): void {
    if (code === 0) return;
    if (code === UNKNOWN_MEMBER || code === FENCED) this.#memberId = "";
    if (ELSEWHERE.includes(code)) this.#coordinator = undefined;
    if ([UNKNOWN_MEMBER, FENCED, ILLEGAL_GENERATION, REBALANCING, ...ELSEWHERE].includes(code))
      throw new Rebalance(`${doing} of ${this.#options.group}: ${code}`);
    throw new BrokerRefused(`${doing} of ${this.#options.group}`, code);
  }

  async #ask<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs = REQUEST_MS): Promise<R> {
    try {
      const connection = await this.#cluster.connection(await this.#find(), `group-${this.#options.group}`);
      return await connection.request(api, version, body, timeoutMs);
    } catch (error) {
      this.#coordinator = undefined;
      throw error;
    }
  }

  async #find(): Promise<number> {
    if (this.#coordinator !== undefined) return this.#coordinator;
    const answer = await this.#cluster.ask(FindCoordinator, 2, { key: this.#options.group, keyType: 0 });
    if (answer.errorCode !== 0) this.#check("finding the coordinator", answer.errorCode);
    this.#cluster.learn([{ nodeId: answer.nodeId, host: answer.host, port: answer.port }]);
    this.#coordinator = answer.nodeId;
    return answer.nodeId;
  }
}

const placesOf = (assignment: Assignment): TopicPartition[] =>
  assignment.flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, partition })));
