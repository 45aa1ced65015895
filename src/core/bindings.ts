// Builds the variables that expressions of sinks and sources can use.

import { isUtf8 } from "node:buffer";
import type { Bindings } from "./expressions.ts";
import type { ConsumedRecord } from "./ports.ts";
import { isTime } from "./time.ts";

/** The parts of a record that an expression can use; a record that was not written has no partition and no offset. */
export type BoundRecord = Pick<ConsumedRecord, "topic" | "key" | "headers"> &
  Partial<Pick<ConsumedRecord, "partition" | "offset" | "timestamp">>;

/**
 * Builds the variables of an expression on a record. `timestamp` is undefined if it is not a time, see `isTime`. Bytes
 * that are not UTF-8 are Base64, as in a value.
 */
export function bindingsOf({ topic, partition, offset, timestamp, key, headers }: BoundRecord): Bindings {
  return {
    topic,
    ...(partition === undefined ? {} : { partition }),
    ...(offset === undefined ? {} : { offset }),
    ...(timestamp !== undefined && isTime(timestamp) ? { timestamp } : {}),
    key: key === null ? null : textOf(key),
    headers: Object.fromEntries(
      headers.map((header) => [header.key, header.value === null ? "" : textOf(header.value)]),
    ),
  };
}

const textOf = (bytes: Buffer): string => bytes.toString(isUtf8(bytes) ? "utf8" : "base64");
