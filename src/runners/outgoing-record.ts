// A record on its way out: its value is parsed once, for the filter and for the sink.

import { isUtf8 } from "node:buffer";
import type { ConsumedRecord } from "../core/ports.ts";
import type { OutgoingRecord } from "../core/sink.ts";

/** @returns the record with its value as parsed JSON; as text where it is not JSON; undefined for a tombstone */
export function outgoingRecord(record: ConsumedRecord): OutgoingRecord {
  return { ...record, parsed: parsedValue(record.value) };
}

function parsedValue(value: Buffer | null): unknown {
  if (value === null) return undefined;
  if (!isUtf8(value)) return value.toString("base64");
  const text = value.toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
