// Checks that the server still has every change after the cursor. What is missing is reported, and never skipped in silence.

import { coveredLsn, type PostgresCursor } from "../cursor.ts";
import { formatLsn, parseLsn } from "../stream/lsn.ts";
import type { SlotState } from "./slot.ts";

/** What IDENTIFY_SYSTEM returns. */
export interface Identity {
  readonly system: string;
  readonly timeline: number;
  /** The end of the write-ahead log. */
  readonly flushed: bigint;
}

/**
 * Returns what is known about changes that are missing; undefined when none are.
 *
 * @param slot undefined when the slot does not exist
 * @param history the content of the timeline history file, if the timeline has changed
 */
export function missingChanges(
  cursor: PostgresCursor,
  identity: Identity,
  slot: SlotState | undefined,
  name: string,
  history: string | undefined,
): string | undefined {
  const after = `changes after ${formatLsn(coveredLsn(cursor))}, the last position that was written to Kafka,`;
  if (identity.system !== cursor.system)
    return `the server is another one (system identifier ${identity.system}; the cursor was written for ${cursor.system}), and does not have the changes after ${formatLsn(coveredLsn(cursor))}`;
  if (identity.timeline < cursor.timeline)
    return `the server was restored to an earlier point (timeline ${identity.timeline}, the cursor has ${cursor.timeline}): its later changes are not those that were written to Kafka`;
  if (identity.timeline > cursor.timeline) {
    const fork = forkOf(history ?? "", cursor.timeline);
    if (fork === undefined || fork < coveredLsn(cursor))
      return `the server was promoted at an earlier position: timeline ${identity.timeline} began at ${fork === undefined ? "an unknown position" : formatLsn(fork)}, and changes up to ${formatLsn(coveredLsn(cursor))} were written to Kafka. The server does not have those after that position`;
  }
  if (identity.flushed < coveredLsn(cursor))
    return `the server was restored to an earlier point: its write-ahead log ends at ${formatLsn(identity.flushed)}, and changes up to ${formatLsn(coveredLsn(cursor))} were written to Kafka`;
  const gone = lostSlot(slot, name);
  if (gone !== undefined || !slot) return `${gone}: ${after} may be missing`;
  if (slot.confirmedLsn > parseLsn(cursor.acked))
    return `the replication slot "${name}" was moved or recreated: it begins at ${formatLsn(slot.confirmedLsn)}, and changes between ${formatLsn(parseLsn(cursor.acked))} and that position may be missing`;
  return undefined;
}

/** Returns why a slot no longer has the changes; undefined when it has them. */
export function lostSlot(slot: SlotState | undefined, name: string): string | undefined {
  if (!slot) return `the replication slot "${name}" does not exist any more`;
  if (slot.lostReason === undefined) return undefined;
  return `the server has removed what the replication slot "${name}" needs (${slot.lostReason})`;
}

/** Where the history leaves a timeline. Its lines: the number of a timeline, the position where it ended, and a reason. */
function forkOf(history: string, timeline: number): bigint | undefined {
  for (const line of history.split("\n")) {
    const [number, position] = line.trim().split(/\s+/);
    if (number !== undefined && Number(number) === timeline && position) return parseLsn(position);
  }
  return undefined;
}
