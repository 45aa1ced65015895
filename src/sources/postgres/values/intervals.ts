// Intervals, as PostgreSQL writes them with IntervalStyle=postgres: `1 year 2 mons -3 days +04:05:06.789`.

import { jsonString } from "./json-text.ts";

const INTERVAL =
  /^(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?(?:([+-])?(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?$/;
/** A month of 30.4375 days, as in Debezium. */
const MONTH_SECONDS = 2_629_800;
const DAY_SECONDS = 86_400;
const MAX = 9_223_372_036_854_775_807n;

/** JSON of an `interval`: microseconds. An interval beyond 64 bits is the largest or smallest integer. */
export function intervalJson(text: string): string {
  if (text === "infinity") return String(MAX);
  if (text === "-infinity") return String(-MAX - 1n);
  const match = INTERVAL.exec(text);
  if (!match) return jsonString(text);
  const [, years = "0", months = "0", days = "0", sign, ...clock] = match;
  const [hours = "0", minutes = "0", seconds = "0", fraction = ""] = clock;
  const date = (Number(years) * 12 + Number(months)) * MONTH_SECONDS + Number(days) * DAY_SECONDS;
  const time = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  const clockMicros = BigInt(time) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  const micros = BigInt(date) * 1_000_000n + (sign === "-" ? -clockMicros : clockMicros);
  if (micros > MAX) return String(MAX);
  return String(micros < -MAX ? -MAX - 1n : micros);
}
