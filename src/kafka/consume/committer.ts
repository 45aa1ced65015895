// Commits the positions of the partitions of one session. Commits that are due at the same time share a request.

import { KafkaCode } from "../../wire/error-codes.ts";
import { partitionName, type TopicPartition } from "../client/topic-partition.ts";
import type { GroupMember } from "./group-member.ts";
import type { Position } from "./position-fault.ts";

interface Pending {
  /** The latest position. */
  position: Position;
  readonly callers: { readonly resolve: (code: number) => void; readonly reject: (error: unknown) => void }[];
}

/** Commits the positions of one session. */
export class Committer {
  readonly #member: GroupMember;
  #pending = new Map<TopicPartition, Pending>();
  #sending = false;

  constructor(member: GroupMember) {
    this.#member = member;
  }

  /**
   * Commits the position of one partition. If it is called again before the request is sent, only the later
   * position is committed.
   *
   * @returns the error code of the partition; 0 when the position was committed
   * @throws Rebalance, CoordinatorLost, BrokerRefused
   */
  commit(partition: TopicPartition, position: Position): Promise<number> {
    return new Promise((resolve, reject) => {
      const pending = this.#pending.get(partition) ?? { position, callers: [] };
      pending.position = position;
      pending.callers.push({ resolve, reject });
      this.#pending.set(partition, pending);
      if (!this.#sending) void this.#send();
    });
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#pending.size > 0) {
      const batch = this.#pending;
      this.#pending = new Map();
      try {
        const positions = new Map([...batch].map(([partition, { position }]) => [partition, position]));
        const errors = await this.#member.commit(positions);
        for (const [partition, { callers }] of batch)
          for (const { resolve } of callers) resolve(errors.get(partition) ?? KafkaCode.NONE);
      } catch (error) {
        for (const { callers } of batch.values()) for (const { reject } of callers) reject(error);
      }
    }
    this.#sending = false;
  }
}

/**
 * The positions after records that were handled and whose offsets are not committed yet. If the partition is assigned to
 * this member again and no other member has committed an offset, the member continues there.
 */
export class UncommittedPositions {
  readonly #byPartition = new Map<string, { readonly base: number; readonly position: Position }>();

  /** Called when records were handled, before the commit. @param base the committed offset */
  note(partition: TopicPartition, base: number, position: Position): void {
    this.#byPartition.set(partitionName(partition), { base, position });
  }

  /** Called when the position was committed. */
  clear(partition: TopicPartition): void {
    this.#byPartition.delete(partitionName(partition));
  }

  /** Forgets partitions that are no longer assigned to the member: another one handles their records. */
  keepOnly(partitions: readonly TopicPartition[]): void {
    const own = new Set(partitions.map(partitionName));
    for (const place of [...this.#byPartition.keys()]) if (!own.has(place)) this.#byPartition.delete(place);
  }

  /** Returns the position at which to continue. @param committed the committed position */
  resume(partition: TopicPartition, committed: Position): Position {
    const own = this.#byPartition.get(partitionName(partition));
    if (own && own.base === committed.offset && own.position.topicId === committed.topicId)
      return own.position;
    this.clear(partition);
    return committed;
  }
}
