// Reads topics as a member of a consumer group. Each assigned partition is read independently: one handler
// call is in progress per partition, and the offset is committed before the next call.

import { setTimeout as delay } from "node:timers/promises";
import type { BlockedReason, FeedPosition, RecordFeed, RecordHandler } from "../../core/ports.ts";
import { Backoff } from "../../core/time.ts";
import { BlockedReasons } from "./blocked-reasons.ts";
import { UncommittedPositions } from "./committer.ts";
import type { FetcherDeps } from "./fetcher.ts";
import { GroupMember, Rebalance } from "./group-member.ts";
import { groupProblem, JOIN_SHOWN_AFTER_MS, waitsForMembers } from "./group-problems.ts";
import { Session } from "./session.ts";
import { StartPositions } from "./start-positions.ts";
import { TopicWatch } from "./topic-watch.ts";

const REJOIN_PAUSE_MS = 200;
const LOG_MS = 1000;

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Where the group starts in topics for which it has no committed offset. */
  readonly from: "latest" | "earliest";
}

/** The dependencies of a consumer. */
export type ConsumerDeps = Omit<FetcherDeps, "channel">;

/** The `RecordFeed` that reads as a member of a Kafka consumer group. */
export class Consumer implements RecordFeed {
  readonly #deps: FetcherDeps;
  readonly #options: ConsumerOptions;
  readonly #member: GroupMember;
  readonly #blockedReasons: BlockedReasons;
  readonly #watch: TopicWatch;
  readonly #start: StartPositions;
  readonly #uncommitted = new UncommittedPositions();
  #session: Session | undefined;
  /** True when the last session ended with a rebalance. */
  #rebalanced = false;
  /** True when the loss of the coordinator was shown at the end of the last session: it is not over. */
  #wasBlocked = false;

  constructor(deps: ConsumerDeps, options: ConsumerOptions) {
    const { group, topics, from } = options;
    const { cluster, metadata, log } = deps;
    this.#deps = { ...deps, channel: `fetch-${group}` };
    this.#options = options;
    this.#blockedReasons = new BlockedReasons(log, { group });
    this.#watch = new TopicWatch(metadata, topics, this.#blockedReasons);
    const isNewTopic = (topic: string): boolean => this.#watch.isNewTopic(topic);
    this.#start = new StartPositions(deps, { from, isNewTopic }, this.#blockedReasons);
    const partitionsOf = (topic: string): Promise<number> => this.#watch.partitionsOf(topic);
    this.#member = new GroupMember(cluster, log, { group, topics, partitionsOf });
  }

  get isAssigned(): boolean {
    return this.#session !== undefined;
  }
  get positions(): readonly FeedPosition[] {
    return this.#session?.positions ?? [];
  }
  get notStarted(): number {
    return this.#session?.notStarted ?? 0;
  }
  get blockedReasons(): readonly BlockedReason[] {
    return this.#blockedReasons.current;
  }

  get blocked(): number {
    return this.#blockedReasons.blocked;
  }

  async run(handler: RecordHandler, stopping: AbortSignal): Promise<void> {
    const logging = setInterval(() => this.#blockedReasons.logChanges(), LOG_MS);
    const backoff = new Backoff(REJOIN_PAUSE_MS, 5000);
    while (!stopping.aborted) {
      try {
        await this.#runSession(handler, stopping, () => backoff.reset());
      } catch (error) {
        if (stopping.aborted) break;
        this.#rebalanced = error instanceof Rebalance;
        this.#raise(error);
        const pause = error instanceof Rebalance ? REJOIN_PAUSE_MS : backoff.next(Date.now());
        await delay(pause, undefined, { signal: stopping }).catch(() => {});
      } finally {
        this.#session = undefined;
      }
    }
    clearInterval(logging);
    await this.#member.leave();
  }

  /**
   * Joins the group and reads the assigned partitions, until a rebalance, a failure or `stopping`.
   *
   * @throws Rebalance when the group must be joined again; the failure that ended the session
   */
  async #runSession(handler: RecordHandler, stopping: AbortSignal, onJoined: () => void): Promise<void> {
    const { group } = this.#options;
    // Checked before the assignment, so that partitions that are added during it are noticed.
    await this.#watch.check();
    const { counts } = this.#watch;
    const slow = setTimeout(() => this.#raiseGroup("join", waitsForMembers(group), 0), JOIN_SHOWN_AFTER_MS);
    const assignment = await this.#member.join(stopping).finally(() => clearTimeout(slow));
    onJoined();
    if (!this.#rebalanced) this.#blockedReasons.clear("group");
    this.#deps.log.debug({ group, partitions: assignment.own.length }, "partitions assigned");
    const deps = {
      ...this.#deps,
      group,
      handler,
      member: this.#member,
      watch: this.#watch,
      start: this.#start,
      uncommitted: this.#uncommitted,
      blockedReasons: this.#blockedReasons,
    };
    this.#session = new Session(deps, assignment, counts);
    await this.#session.run(stopping).finally(() => {
      this.#wasBlocked = this.#blockedReasons.shows("coordinator");
      this.#blockedReasons.drop("coordinator");
    });
  }

  /** Shows why there is no session. */
  #raise(error: unknown): void {
    const { kind, message, afterMs } = groupProblem(this.#options.group, error, "give the sink another name");
    this.#raiseGroup(kind, message, afterMs);
  }

  #raiseGroup(kind: string, message: string, afterMs = this.#wasBlocked ? 0 : JOIN_SHOWN_AFTER_MS): void {
    const all = [...this.#watch.counts.values()].reduce((sum, count) => sum + count, 0);
    this.#blockedReasons.raise("group", { kind }, message, { afterMs, partitions: Math.max(1, all) });
  }
}
