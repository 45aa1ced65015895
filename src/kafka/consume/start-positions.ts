// Determines where a group starts to read partitions for which it has committed no offset.

import { messageOf } from "../../core/errors.ts";
import { BrokerRefused } from "../client/errors.ts";
import { EARLIEST, LATEST, type ListOffsetsDeps, listOffsets } from "../client/list-offsets.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { GroupMember } from "./group-member.ts";
import type { Committed } from "./group-offsets.ts";
import { describeFault, faultOf, type Position, type PositionFault } from "./position-fault.ts";
import type { Troubles } from "./troubles.ts";

export interface StartOptions {
  /** Where the group starts in a topic that is new to it. */
  readonly from: "latest" | "earliest";
  /** Whether all records of a topic are new to the group, because it did not exist before. */
  readonly isNewTopic: (topic: string) => boolean;
}

export const startKey = ({ topic, partition }: TopicPartition): string => `start:${topic}/${partition}`;

/** Commits start offsets. Used by the leader of a group, for the partitions of all members. */
export class StartPositions {
  readonly #deps: ListOffsetsDeps;
  readonly #options: StartOptions;
  readonly #troubles: Troubles;
  /** When the start offset of a partition was first needed and could not be read, in milliseconds. */
  readonly #neededAt = new Map<string, number>();

  constructor(deps: ListOffsetsDeps, options: StartOptions, troubles: Troubles) {
    this.#deps = deps;
    this.#options = options;
    this.#troubles = troubles;
  }

  /**
   * Commits the offsets at which the group starts to read partitions without a committed offset. A topic that is new to
   * the group starts at its end or its first record, as `from` says. A partition that was added to a known topic starts
   * at its first record, because all its records are new to the group.
   *
   * @returns the partitions whose offset could not be read or committed; the caller tries again
   * @throws Rebalance, CoordinatorLost, BrokerRefused
   */
  async commit<P extends TopicPartition>(member: GroupMember, partitions: readonly P[]): Promise<P[]> {
    const committed = await member.committed(partitions);
    const isNew = (each: P): boolean => committed.get(each)?.position === undefined;
    const missing = partitions.filter((each) => isNew(each) && committed.get(each)?.errorCode === 0);
    if (missing.length === 0) return [];
    const lastKnown = lastCommitted(committed);
    const listed = await listOffsets(this.#deps, missing, (each) => this.#startOf(each, lastKnown));
    const positions = new Map<P, Position>();
    const faults = new Map<P, PositionFault>();
    for (const [each, result] of listed) {
      const topicId = this.#deps.metadata.get(each.topic)?.id;
      if (result instanceof Error) faults.set(each, faultOfError(result));
      else positions.set(each, { ...result, topicId });
    }
    const refused = positions.size > 0 ? await member.commit(positions) : new Map<P, number>();
    for (const [each, code] of refused) faults.set(each, faultOf(code));
    for (const each of missing) this.#report(each, faults.get(each));
    return [...faults.keys()];
  }

  #startOf(each: TopicPartition, lastKnown: ReadonlyMap<string, number>): number {
    const isAdded = each.partition > (lastKnown.get(each.topic) ?? Number.POSITIVE_INFINITY);
    if (isAdded || this.#options.from === "earliest" || this.#options.isNewTopic(each.topic)) return EARLIEST;
    // Records that were written since the group needed the offset are new to it.
    return this.#neededAt.get(startKey(each)) ?? LATEST;
  }

  #report(each: TopicPartition, fault: PositionFault | undefined): void {
    const key = startKey(each);
    if (fault === undefined) {
      this.#neededAt.delete(key);
      return;
    }
    if (!this.#neededAt.has(key)) this.#neededAt.set(key, Date.now());
    const subject = { kind: fault.reason, topic: each.topic, partition: each.partition };
    this.#troubles.raise(key, subject, describeFault(each, 0, fault), { afterMs: 1000 });
  }
}

/** The last partition with a committed offset, by topic. */
function lastCommitted(committed: ReadonlyMap<TopicPartition, Committed>): Map<string, number> {
  const last = new Map<string, number>();
  for (const [{ topic, partition }, { position }] of committed)
    if (position !== undefined) last.set(topic, Math.max(last.get(topic) ?? -1, partition));
  return last;
}

const faultOfError = (error: Error): PositionFault =>
  error instanceof BrokerRefused ? faultOf(error.code) : { reason: "no-leader", detail: messageOf(error) };
