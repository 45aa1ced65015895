// Parses the parameters of queries, and checks partitions and timestamps.

import { OnrampError } from "../../../core/errors.ts";
import { parseTime } from "../../../core/time.ts";
import { decodePercent, splitPair } from "../../percent.ts";

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** Partitions are 32-bit integers in Kafka. */
const MAX_PARTITION = 0x7fffffff;
/** The maximum time of a JavaScript date; no topic accepts later timestamps. */
const MAX_TIMESTAMP = 8.64e15;

/** Splits `name=value` of a query, and decodes both. @throws OnrampError 40001 when the percent-encoding is not valid */
export function parameterOf(pair: string): readonly [name: string, value: string] {
  const [name, value] = splitPair(pair);
  return [decode(name), decode(value)];
}

const decode = (text: string): string => decodePercent(text.replaceAll("+", " "), "query string");

/** @returns the partition @throws OnrampError 40402 when it is not a possible partition number */
export function checkPartition(partition: number): number {
  if (Number.isInteger(partition) && partition >= 0 && partition <= MAX_PARTITION) return partition;
  throw new OnrampError(
    40402,
    "A partition must be an integer of 0 or more; see GET /topics/{topic}/partitions.",
  );
}

/** @returns the timestamp @throws OnrampError 40001 when it is not a time in milliseconds since 1970 */
export function checkTimestamp(timestamp: number): number {
  if (Number.isInteger(timestamp) && timestamp >= 0 && timestamp <= MAX_TIMESTAMP) return timestamp;
  throw new OnrampError(40001, "A timestamp must be an integer number of milliseconds since 1970.");
}

/** Parses `?timestamp=`: milliseconds since 1970, or RFC 3339. @throws OnrampError 40001 */
export function parseTimestamp(text: string): number {
  if (/^\d+$/.test(text)) return checkTimestamp(Number(text));
  const time = RFC_3339.test(text) ? parseTime(text) : undefined;
  if (time === undefined) {
    // In a query, + means a space.
    const hint = / \d{2}:\d{2}$/.test(text) ? " Send the + of a time zone as %2B." : "";
    throw new OnrampError(
      40001,
      `A timestamp must be milliseconds since 1970, or RFC 3339 such as 2026-01-31T12:00:00Z.${hint}`,
    );
  }
  return checkTimestamp(time);
}
