// The metrics of the source kind `postgres`.

import type { SourceGauge } from "../../core/source.ts";

export const GAUGES: readonly SourceGauge[] = [
  {
    name: "onramp_postgres_lag_seconds",
    help: "Age of the last change that was processed; 0 when everything that the server sent was processed.",
  },
  {
    name: "onramp_postgres_slot_lag_bytes",
    help: "Bytes of write-ahead log after the last position that the replication slot has confirmed.",
  },
  {
    name: "onramp_postgres_slot_retained_bytes",
    help: "Bytes of write-ahead log that the server keeps for the replication slot.",
  },
  {
    name: "onramp_postgres_slot_safe_bytes",
    help: "Bytes that can be written until the server may remove what the slot needs. Absent without max_slot_wal_keep_size.",
  },
  {
    name: "onramp_postgres_slot_wal_status",
    help: "1 for the wal_status of the replication slot.",
    label: "status",
  },
  {
    name: "onramp_postgres_slot_inactive_since_timestamp_seconds",
    help: "Since when nothing reads the replication slot, in seconds since 1970 (PostgreSQL 17 and later).",
  },
  {
    name: "onramp_postgres_snapshot_rows",
    help: "Rows of the table that is being read.",
    label: "table",
  },
  {
    name: "onramp_postgres_snapshot_tables_remaining",
    help: "Tables whose rows are not read completely.",
  },
  {
    name: "onramp_postgres_warnings",
    help: "Number of warnings of the source, which /sources shows.",
  },
];
