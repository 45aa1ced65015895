// Parses the value of a record once, for both the filter and the sink.

import { parsedValue } from "../core/json-numbers.ts";
import type { ConsumedRecord } from "../core/ports.ts";
import type { OutgoingRecord } from "../core/sink.ts";

/**
 * Adds the parsed value to a record. It is the parsed JSON with exact numbers, or a string if the value is not JSON (in
 * Base64 if the value is not UTF-8), or undefined for a tombstone.
 */
export function outgoingRecord(record: ConsumedRecord): OutgoingRecord {
  return { ...record, parsed: parsedValue(record.value) };
}
