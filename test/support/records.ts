// Records for batches that a test encodes.

import type { WireRecord } from "../../src/wire/record-batch.ts";

/** A record with a value, without key and headers, stamped now unless `extra` says otherwise. */
export function wireRecord(value: string | null, extra: Partial<WireRecord> = {}): WireRecord {
  return {
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: [],
    timestamp: Date.now(),
    ...extra,
  };
}
