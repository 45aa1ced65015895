// Determines where a group starts to read partitions for which it has committed no offset.

import { messageOf } from "../../core/errors.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { BrokerRefused } from "../client/errors.ts";
import { EARLIEST, LATEST, type ListOffsetsDeps, listOffsets } from "../client/list-offsets.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { BlockedReasons } from "./blocked-reasons.ts";
import type { GroupMember } from "./group-member.ts";
import { type Committed, undetermined } from "./group-offsets.ts";
import { describeFault, faultOf, type Position, type PositionFault } from "./position-fault.ts";

export interface StartOptions {
  /** Where the group starts in a topic that is new to it. */
  readonly from: "latest" | "earliest";
  /** Whether all records of a topic are new to the group, because it did not exist before. */
  readonly isNewTopic: (topic: string) => boolean;
}

/** The key of the reason that a partition has no start offset. */
export const startKey = ({ topic, partition }: TopicPartition): string => `start:${topic}/${partition}`;

/** Commits start offsets. Used by the leader of a group, for the partitions of all members. */
export class StartPositions {
  readonly #deps: ListOffsetsDeps;
  readonly #options: StartOptions;
  readonly #blockedReasons: BlockedReasons;

  constructor(deps: ListOffsetsDeps, options: StartOptions, blockedReasons: BlockedReasons) {
    this.#deps = deps;
    this.#options = options;
    this.#blockedReasons = blockedReasons;
  }

  /**
   * Commits the offsets at which the group starts to read partitions without a committed offset. A topic that is new to
   * the group starts at its end or its first record, as `from` says. A partition that was added to a known topic starts
   * at its first record, because all its records are new to the group. For a partition whose offset cannot be read now, it
   * commits when the group began to need it, so that this holds after a restart as well.
   *
   * @param partitions the partitions of all members
   * @returns true when every partition has an offset; otherwise the caller tries again
   * @throws Rebalance, CoordinatorLost, BrokerRefused, BrokerGone
   */
  async commit<P extends TopicPartition>(member: GroupMember, partitions: readonly P[]): Promise<boolean> {
    const committed = await member.committed(partitions);
    // An offset that could not be read may exist, and must not be replaced.
    const unknown = partitions.filter((each) => committed.get(each)?.errorCode !== KafkaCode.NONE);
    for (const each of unknown)
      this.#report(each, faultOf(committed.get(each)?.errorCode ?? KafkaCode.UNKNOWN_SERVER_ERROR));
    const missing = partitions.filter(
      (each) => committed.get(each)?.position === undefined && !unknown.includes(each),
    );
    if (missing.length === 0) return unknown.length === 0;
    const lastKnown = lastCommitted(committed);
    const starts = new Map(
      missing.map((each) => [each, committed.get(each)?.startAt ?? this.#startOf(each, lastKnown)]),
    );
    const listed = await listOffsets(this.#deps, missing, (each) => starts.get(each) || EARLIEST);
    const positions = new Map<P, Position>();
    const faults = new Map<P, PositionFault>();
    for (const [each, result] of listed) {
      const topicId = this.#deps.metadata.get(each.topic)?.id;
      if (!(result instanceof Error)) positions.set(each, { ...result, topicId });
      else {
        faults.set(each, faultOfError(result));
        const start = starts.get(each) ?? LATEST;
        if (committed.get(each)?.startAt === undefined)
          positions.set(each, undetermined(start === LATEST ? Date.now() : 0));
      }
    }
    const refused = positions.size > 0 ? await member.commit(positions) : new Map<P, number>();
    for (const [each, code] of refused) faults.set(each, faultOf(code));
    for (const each of missing) this.#report(each, faults.get(each));
    return faults.size === 0 && unknown.length === 0;
  }

  #startOf(each: TopicPartition, lastKnown: ReadonlyMap<string, number>): number {
    const isAdded = each.partition > (lastKnown.get(each.topic) ?? Number.POSITIVE_INFINITY);
    const fromStart = isAdded || this.#options.from === "earliest" || this.#options.isNewTopic(each.topic);
    return fromStart ? EARLIEST : LATEST;
  }

  #report(each: TopicPartition, fault: PositionFault | undefined): void {
    const key = startKey(each);
    if (fault === undefined) return this.#blockedReasons.clear(key);
    const subject = { kind: fault.reason, topic: each.topic, partition: each.partition };
    this.#blockedReasons.raise(key, subject, describeFault(each, 0, fault), { afterMs: 1000 });
  }
}

/** The last partition with a committed offset or time, by topic. */
function lastCommitted(committed: ReadonlyMap<TopicPartition, Committed>): Map<string, number> {
  const last = new Map<string, number>();
  for (const [{ topic, partition }, { position, startAt }] of committed)
    if (position !== undefined || startAt !== undefined)
      last.set(topic, Math.max(last.get(topic) ?? -1, partition));
  return last;
}

function faultOfError(error: Error): PositionFault {
  if (!(error instanceof BrokerRefused)) return { reason: "no-leader", detail: messageOf(error) };
  if (error.code === KafkaCode.UNSUPPORTED_VERSION) return { reason: "unavailable", detail: error.message };
  return faultOf(error.code);
}
