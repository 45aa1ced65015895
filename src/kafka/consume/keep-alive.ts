// Keeps the membership in a consumer group alive with heartbeats.

import { setTimeout as delay } from "node:timers/promises";
import type { BlockedReasons } from "./blocked-reasons.ts";
import { CoordinatorLost, type GroupMember } from "./group-member.ts";
import { coordinatorProblem } from "./group-problems.ts";

/** The pause after a heartbeat that was not answered, in milliseconds. */
export const HEARTBEAT_RETRY_MS = 500;
/** How long a coordinator may be lost before that is shown, in milliseconds. */
const LOST_SHOWN_AFTER_MS = 3000;

export interface KeepAliveOptions {
  readonly group: string;
  /** Where a lost coordinator is reported, under the key `coordinator`. */
  readonly reasons: BlockedReasons;
  /** The number of partitions that a lost coordinator blocks. Default: 1. */
  readonly partitions?: number;
  /** Called after each attempt, whether it was answered or not. */
  onAttempt?(): void;
}

/**
 * Sends heartbeats until `signal` is aborted. When the coordinator is lost, continues until the session timeout has passed,
 * because before that the coordinator does not assign the partitions to another member.
 *
 * @throws Rebalance, BrokerRefused; CoordinatorLost when the session has ended
 */
export async function keepAlive(
  member: GroupMember,
  { group, reasons, partitions = 1, onAttempt }: KeepAliveOptions,
  signal: AbortSignal,
): Promise<void> {
  let aliveAt = Date.now();
  for (let pause = member.sessionMs / 4; !signal.aborted; ) {
    await delay(pause, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const sentAt = Date.now();
    try {
      await member.heartbeat();
      aliveAt = sentAt;
      pause = member.sessionMs / 4;
      reasons.clear("coordinator");
    } catch (error) {
      if (!(error instanceof CoordinatorLost)) throw error;
      reasons.raise("coordinator", { kind: "coordinator" }, coordinatorProblem(group, error), {
        afterMs: LOST_SHOWN_AFTER_MS,
        partitions,
      });
      if (Date.now() - aliveAt > member.sessionMs) throw error;
      pause = HEARTBEAT_RETRY_MS;
    }
    onAttempt?.();
  }
}
