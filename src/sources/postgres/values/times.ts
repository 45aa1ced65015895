// Times of day: `time` and `timetz`.

import { fractionOf, scaled, secondsOfDay } from "./calendar.ts";
import { jsonString } from "./json-text.ts";

const TIMETZ = /^(\d\d:\d\d:\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/;
const DAY = 86_400;

/** JSON of a `time`: milliseconds since midnight up to a precision of 3, else microseconds. */
export function timeJson(precision: number): (text: string) => string {
  const digits = precision <= 3 ? 3 : 6;
  return (text) => scaled(secondsOfDay(text, 0), fractionOf(text, 8, text.length, digits));
}

/** JSON of a `timetz`: ISO 8601 in UTC, without trailing zeros. The day is lost, as in Debezium. */
export function timetzJson(text: string): string {
  const [, time, fraction = "", sign, hours, minutes = "0", seconds = "0"] = TIMETZ.exec(text) ?? [];
  if (time === undefined) return jsonString(text);
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  const local = secondsOfDay(time, 0);
  // 24:00:00 in UTC stays; in any other zone it is an ordinary time of the next day.
  if (offset === 0) return `"${time}${fraction}Z"`;
  const utc = (local + (sign === "-" ? offset : -offset) + DAY) % DAY;
  const parts = [utc / 3600, (utc / 60) % 60, utc % 60].map((part) =>
    String(Math.floor(part)).padStart(2, "0"),
  );
  return `"${parts.join(":")}${fraction}Z"`;
}
