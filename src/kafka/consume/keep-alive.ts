// Keeps the membership in a consumer group alive with heartbeats.

import { setTimeout as delay } from "node:timers/promises";
import { CoordinatorLost, type GroupMember } from "./group-member.ts";

/** The pause after a heartbeat that was not answered, in milliseconds. */
const RETRY_MS = 500;

/** Called after each heartbeat. */
export interface KeepAliveEvents {
  /** After each heartbeat, whether it was answered or not. */
  sent?(): void;
  answered?(): void;
  /** The coordinator did not answer. */
  lost(error: CoordinatorLost): void;
}

/**
 * Sends heartbeats until `signal` is aborted. When the coordinator is lost, continues until the coordinator would have ended
 * the session: until then, the partitions are not assigned to another member.
 *
 * @throws Rebalance, BrokerRefused; CoordinatorLost when the session has ended
 */
export async function keepAlive(
  member: GroupMember,
  on: KeepAliveEvents,
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
      on.answered?.();
    } catch (error) {
      if (!(error instanceof CoordinatorLost)) throw error;
      on.lost(error);
      if (Date.now() - aliveAt > member.sessionMs) throw error;
      pause = RETRY_MS;
    }
    on.sent?.();
  }
}
