// A record as expressions see it: with its value parsed, once.

import { isUtf8 } from "node:buffer";
import type { ConsumedRecord } from "../core/ports.ts";
import type { OutgoingRecord } from "../core/sink.ts";

/** @returns the record with its value as JSON; as text where it is none; undefined for a tombstone */
export function outgoing(record: ConsumedRecord): OutgoingRecord {
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
