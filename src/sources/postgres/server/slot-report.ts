// What `/sources` and the metrics show of a replication slot.

import type { SourceProgress } from "../../../core/source.ts";
import type { SlotState } from "./slot.ts";

/** @param slot undefined when it does not exist, or is not known */
export function slotReport(
  slot: SlotState | undefined,
): Required<Pick<SourceProgress, "details" | "gauges">> {
  if (!slot) return { details: {}, gauges: {} };
  const { lagBytes, retainedBytes, safeBytes, walStatus, inactiveSince } = slot;
  return {
    details: {
      slotLagBytes: lagBytes,
      slotRetainedBytes: retainedBytes,
      slotSafeBytes: safeBytes ?? null,
      slotWalStatus: walStatus,
      slotInactiveSince: inactiveSince === undefined ? null : new Date(inactiveSince).toISOString(),
    },
    gauges: {
      onramp_postgres_slot_lag_bytes: lagBytes,
      onramp_postgres_slot_retained_bytes: retainedBytes,
      ...(safeBytes === undefined ? {} : { onramp_postgres_slot_safe_bytes: safeBytes }),
      onramp_postgres_slot_wal_status: { [walStatus]: 1 },
      ...(inactiveSince === undefined
        ? {}
        : { onramp_postgres_slot_inactive_since_timestamp_seconds: inactiveSince / 1000 }),
    },
  };
}
