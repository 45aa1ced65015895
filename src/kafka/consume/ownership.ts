// Assigns the partitions of the state topic to the processes of an installation: a member of a consumer group that reads
// nothing. Partitions that remain assigned are not interrupted by a rebalance.

import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { BlockedReason } from "../../core/ports.ts";
import type { SourceOwnership } from "../../core/source-ports.ts";
import { Backoff, untilAborted } from "../../core/time.ts";
import { BlockedReasons } from "./blocked-reasons.ts";
import type { ConsumerDeps } from "./consumer.ts";
import { CoordinatorLost, GroupMember, Rebalance } from "./group-member.ts";
import { coordinatorProblem, groupProblem, JOIN_SHOWN_AFTER_MS, waitsForMembers } from "./group-problems.ts";
import { keepAlive } from "./keep-alive.ts";
import { TopicWatch } from "./topic-watch.ts";

const [REJOIN_MS, REJOIN_MOST_MS] = [100, 5000];
/** The pause after a question that the coordinator did not answer, in milliseconds. */
const ASK_AGAIN_MS = 500;
const LOG_MS = 1000;
const MISSING_MS = 1000;

/** One generation of the group: pending until this process has its assignment. */
class Generation {
  readonly #joined = new AbortController();
  readonly #ended = new AbortController();
  readonly ended = this.#ended.signal;

  get isJoined(): boolean {
    return this.#joined.signal.aborted;
  }
  join(): void {
    this.#joined.abort();
  }
  /** Ends the generation: this process joins again. @param reason the error of the coordinator */
  end(reason: unknown): void {
    this.#ended.abort(reason);
  }
  async joined(signal: AbortSignal): Promise<void> {
    if (!this.isJoined) await untilAborted(once(this.#joined.signal, "abort"), signal);
  }
}

/** The `SourceOwnership` of this process. */
export class Ownership implements SourceOwnership {
  readonly #deps: ConsumerDeps;
  readonly #group: string;
  readonly #topic: string;
  readonly #member: GroupMember;
  readonly #watch: TopicWatch;
  readonly #reasons: BlockedReasons;
  readonly #assigned = new Map<number, AbortController>();
  #generation = new Generation();

  /** @param topic the state topic */
  constructor(deps: ConsumerDeps, group: string, topic: string) {
    const { cluster, metadata, log } = deps;
    this.#deps = deps;
    this.#group = group;
    this.#topic = topic;
    this.#reasons = new BlockedReasons(log, { group });
    this.#watch = new TopicWatch(metadata, [topic], this.#reasons);
    const partitionsOf = (name: string): Promise<number> => this.#watch.partitionsOf(name);
    this.#member = new GroupMember(cluster, log, { group, topics: [topic], partitionsOf });
  }

  get fault(): BlockedReason | undefined {
    return this.#reasons.current[0];
  }

  async run(
    onAssigned: (partition: number, revoked: AbortSignal) => void,
    stopping: AbortSignal,
  ): Promise<void> {
    const logging = setInterval(() => this.#reasons.logChanges(), LOG_MS);
    const backoff = new Backoff(REJOIN_MS, REJOIN_MOST_MS);
    while (!stopping.aborted) {
      try {
        await this.#runGeneration(onAssigned, () => backoff.reset(), stopping);
      } catch (error) {
        if (stopping.aborted) break;
        this.#raise(error);
        const pause = error instanceof Rebalance ? REJOIN_MS : backoff.next(Date.now());
        await delay(pause, undefined, { signal: stopping }).catch(() => {});
      }
    }
    clearInterval(logging);
    for (const revoked of this.#assigned.values()) revoked.abort();
    await this.#member.leave();
  }

  async isOwner(partition: number, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const generation = this.#generation;
      const wasJoined = generation.isJoined;
      await generation.joined(signal);
      try {
        // A generation that began after the call is an answer of the coordinator itself.
        if (wasJoined) await untilAborted(this.#member.heartbeat(), signal);
        if (generation === this.#generation) return this.#assigned.has(partition);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CoordinatorLost) await delay(ASK_AGAIN_MS, undefined, { signal });
        else generation.end(error);
      }
    }
  }

  async #runGeneration(
    onAssigned: (partition: number, revoked: AbortSignal) => void,
    onJoined: () => void,
    stopping: AbortSignal,
  ): Promise<void> {
    const group = this.#group;
    while ((await this.#count()) === 0) await delay(MISSING_MS, undefined, { signal: stopping });
    const slow = setTimeout(
      () => this.#reasons.raise("group", { kind: "join" }, waitsForMembers(group)),
      JOIN_SHOWN_AFTER_MS,
    );
    const { own } = await this.#member.join(stopping).finally(() => clearTimeout(slow));
    onJoined();
    this.#reasons.clear("group");
    const generation = this.#generation;
    this.#assign(
      own.map(({ partition }) => partition),
      onAssigned,
    );
    generation.join();
    const events = {
      answered: () => this.#reasons.clear("coordinator"),
      lost: (error: CoordinatorLost) =>
        this.#reasons.raise("coordinator", { kind: "coordinator" }, coordinatorProblem(group, error), {
          afterMs: 3000,
        }),
    };
    try {
      await keepAlive(this.#member, events, AbortSignal.any([stopping, generation.ended]));
      generation.ended.throwIfAborted();
    } finally {
      this.#generation = new Generation();
      // Those who wait for the end of the old one look at the new one.
      generation.end(undefined);
    }
  }

  /** The number of partitions; a topic that is missing or cannot be read is shown as the reason. */
  async #count(): Promise<number> {
    await this.#watch.check();
    return this.#watch.counts.get(this.#topic) ?? 0;
  }

  #assign(own: readonly number[], onAssigned: (partition: number, revoked: AbortSignal) => void): void {
    for (const [partition, revoked] of this.#assigned)
      if (!own.includes(partition)) {
        this.#assigned.delete(partition);
        revoked.abort();
      }
    const added = own.filter((partition) => !this.#assigned.has(partition));
    this.#deps.log.debug({ group: this.#group, partitions: own, added }, "partitions of sources assigned");
    for (const partition of added) {
      const revoked = new AbortController();
      this.#assigned.set(partition, revoked);
      onAssigned(partition, revoked.signal);
    }
  }

  #raise(error: unknown): void {
    const { kind, message, afterMs } = groupProblem(this.#group, error, "set another kafka.namespace");
    this.#reasons.raise("group", { kind }, message, { afterMs: afterMs ?? JOIN_SHOWN_AFTER_MS });
  }
}
