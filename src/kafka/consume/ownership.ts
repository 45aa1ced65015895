// Assigns the partitions of the state topic to processes through a consumer group whose members do not read records. A rebalance
// does not interrupt partitions that remain assigned.

import { setTimeout as delay } from "node:timers/promises";
import type { BlockedReason } from "../../core/ports.ts";
import type { SourceOwnership } from "../../core/source-ports.ts";
import { Backoff, untilAborted } from "../../core/time.ts";
import { BlockedReasons } from "./blocked-reasons.ts";
import type { ConsumerDeps } from "./consumer.ts";
import { CoordinatorLost, GroupMember, Rebalance } from "./group-member.ts";
import { groupProblem, JOIN_SHOWN_AFTER_MS, waitsForMembers } from "./group-problems.ts";
import { HEARTBEAT_RETRY_MS, keepAlive } from "./keep-alive.ts";
import { TopicWatch } from "./topic-watch.ts";

/** The first and the longest wait before this process joins again, in milliseconds. */
const [REJOIN_MS, REJOIN_MAX_MS] = [100, 5000];
/** How often changes of the faults are logged, in milliseconds. */
const LOG_MS = 1000;
/** How often a missing state topic is looked up, in milliseconds. */
const MISSING_MS = 1000;

/** One generation of the group, from before this process joins until it must join again. */
class Generation {
  readonly #ended = new AbortController();
  readonly ended = this.#ended.signal;
  #join: () => void = () => {};
  readonly #joined = new Promise<void>((resolve) => {
    this.#join = resolve;
  });
  #isJoined = false;

  get isJoined(): boolean {
    return this.#isJoined;
  }
  join(): void {
    this.#isJoined = true;
    this.#join();
  }
  /** Ends the generation: this process joins again. @param reason the error of the coordinator */
  end(reason: unknown): void {
    this.#ended.abort(reason);
  }
  joined(signal: AbortSignal): Promise<void> {
    return untilAborted(this.#joined, signal);
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
    const backoff = new Backoff(REJOIN_MS, REJOIN_MAX_MS);
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
        // If this process joined after the call, the assignment is new enough: no heartbeat is needed.
        if (wasJoined) await untilAborted(this.#member.heartbeat(), signal);
        if (generation === this.#generation) return this.#assigned.has(partition);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof CoordinatorLost) await delay(HEARTBEAT_RETRY_MS, undefined, { signal });
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
    while ((await this.#partitionCount()) === 0) await delay(MISSING_MS, undefined, { signal: stopping });
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
    try {
      const options = { group, reasons: this.#reasons };
      await keepAlive(this.#member, options, AbortSignal.any([stopping, generation.ended]));
      generation.ended.throwIfAborted();
    } finally {
      this.#generation = new Generation();
      // Callers that wait for the old generation continue with the new one.
      generation.end(undefined);
    }
  }

  /** Returns the number of partitions; 0 when the topic is missing or cannot be read, which `fault` then reports. */
  async #partitionCount(): Promise<number> {
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
