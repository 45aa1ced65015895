// Sets the cursor of a request back, so that items that appear late are read.

import { invalidCursor } from "../../core/source.ts";
import { parseDuration } from "../../core/units.ts";

/** Seconds since 1970 are below this number until the year 5138, and milliseconds above it since 1973. */
const MAX_SECONDS = 1e11;
const NUMBER = /^-?\d{1,15}(\.\d+)?$/;

/**
 * @param overlap a duration, if the cursor is a time (ISO 8601, or seconds or milliseconds since 1970); or a number, if it is a
 *   number
 * @throws SourceError when the cursor is not a time or a number, or does not match the kind of overlap
 */
export function setBack(cursor: string, overlap: string | number, source: string): string {
  if (NUMBER.test(cursor)) {
    const value = Number(cursor);
    if (typeof overlap === "number") return String(value - overlap);
    const ms = parseDuration(overlap) ?? 0;
    return String(Math.abs(value) < MAX_SECONDS ? value - ms / 1000 : value - ms);
  }
  const time = Date.parse(cursor);
  if (typeof overlap === "number" || Number.isNaN(time)) throw invalidCursor(source);
  const text = new Date(time - (parseDuration(overlap) ?? 0)).toISOString();
  // Some APIs refuse a fraction of a second.
  return cursor.includes(".") ? text : text.replace(/\.\d+/, "");
}
