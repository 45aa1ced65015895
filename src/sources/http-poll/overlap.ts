// Sets the cursor of a request back, so that items that appear late are read.

import { SourceError } from "../../core/source.ts";
import { parseDuration } from "../../core/units.ts";

/** The units of times as numbers, by their magnitude: seconds until the year 5138, then milli-, micro- and nanoseconds. */
const UNITS: readonly [below: number, perMs: number][] = [
  [1e11, 1e-3],
  [1e14, 1],
  [1e17, 1e3],
  [Number.POSITIVE_INFINITY, 1e6],
];
const INTEGER = /^-?\d{1,19}$/;
const DECIMAL = /^-?\d{1,15}\.\d+$/;
/** ISO 8601, with a time zone if it has a time. */
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/;

/**
 * @param overlap a duration, if the cursor is a time (ISO 8601, or a number since 1970); or a number, if it is a number
 * @throws SourceError when the cursor is not a time or a number, or does not match the kind of overlap
 */
export function setBack(cursor: string, overlap: string | number, source: string): string {
  const ms = typeof overlap === "string" ? (parseDuration(overlap) ?? 0) : undefined;
  if (INTEGER.test(cursor)) {
    const [, perMs = 1] = UNITS.find(([below]) => Math.abs(Number(cursor)) < below) ?? [];
    const back = ms === undefined ? Number(overlap) : ms * perMs;
    return (BigInt(cursor) - BigInt(Math.round(back))).toString();
  }
  if (DECIMAL.test(cursor)) return String(Number(cursor) - (ms === undefined ? Number(overlap) : ms / 1000));
  if (ms === undefined || !ISO_TIME.test(cursor))
    throw new SourceError(
      "blocked",
      `overlap of source "${source}" needs a cursor that is ${ms === undefined ? "a number" : "a time: ISO 8601 with a time zone, or a number since 1970"}; correct overlap or cursor`,
    );
  const text = new Date(Date.parse(cursor) - ms).toISOString();
  if (!cursor.includes("T")) return text.slice(0, 10);
  // Some APIs refuse a fraction of a second.
  return cursor.includes(".") ? text : text.replace(/\.\d+/, "");
}
