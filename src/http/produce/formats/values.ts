// Partitions and timestamps as callers write them.

import { OnrampError } from "../../../core/errors.ts";

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** Partitions are 32-bit in Kafka. */
const MOST_PARTITION = 0x7fffffff;
/** The last moment that a JavaScript date can name; far beyond what any topic takes. */
const MOST_TIME = 8.64e15;

/** @throws OnrampError 40402 for a number that no partition can have */
export function checkPartition(partition: number): number {
  if (Number.isInteger(partition) && partition >= 0 && partition <= MOST_PARTITION) return partition;
  throw new OnrampError(
    40402,
    "A partition is a whole number from 0 up; see GET /topics/{topic}/partitions.",
  );
}

/** @throws OnrampError 40001 for a number that is no time in milliseconds since 1970 */
export function checkTimestamp(timestamp: number): number {
  if (Number.isInteger(timestamp) && timestamp >= 0 && timestamp <= MOST_TIME) return timestamp;
  throw new OnrampError(40001, "A timestamp is a whole number of milliseconds since 1970.");
}

/** `?timestamp=`: milliseconds, or RFC 3339. @throws OnrampError 40001 */
export function parseTimestamp(text: string): number {
  if (/^\d+$/.test(text)) return checkTimestamp(Number(text));
  const time = RFC_3339.test(text) && dayExists(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new OnrampError(
      40001,
      "A timestamp is milliseconds since 1970, or RFC 3339 as 2026-01-31T12:00:00Z.",
    );
  return checkTimestamp(time);
}

/** JavaScript takes 30 February for 2 March. */
function dayExists(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split("-").map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
