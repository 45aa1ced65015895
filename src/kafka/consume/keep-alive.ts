// Keeps the membership in a consumer group alive with heartbeats.

import { setTimeout as delay } from "node:timers/promises";
import { CoordinatorLost, type GroupMember } from "./group-member.ts";

/** The pause after a heartbeat that was not answered, in milliseconds. */
const RETRY_MS = 500;

/** Callbacks of `keepAlive`. */
export interface KeepAliveEvents {
  /** Called after each attempt, whether it was answered or not. */
  onAttempt?(): void;
  onAnswer?(): void;
  /** Called when the coordinator did not answer. */
  onLost(error: CoordinatorLost): void;
}

/**
 * Sends heartbeats until `signal` is aborted. When the coordinator is lost, continues until the session timeout has passed,
 * because before that the coordinator does not assign the partitions to another member.
 *
 * @throws Rebalance, BrokerRefused; CoordinatorLost when the session has ended
 */
export async function keepAlive(
  member: GroupMember,
  events: KeepAliveEvents,
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
      events.onAnswer?.();
    } catch (error) {
      if (!(error instanceof CoordinatorLost)) throw error;
      events.onLost(error);
      if (Date.now() - aliveAt > member.sessionMs) throw error;
      pause = RETRY_MS;
    }
    events.onAttempt?.();
  }
}
