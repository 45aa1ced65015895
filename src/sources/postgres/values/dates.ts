// Dates and timestamps: `date`, `timestamp` and `timestamptz`.

import { daysOf, fourDigits, fractionOf, scaled, secondsOfDay, twoDigits } from "./calendar.ts";
import { jsonString } from "./json-text.ts";

const DATE = /^(\d{4,})-(\d\d)-(\d\d)( BC)?$/;
const TIMESTAMP = /^(\d{4,})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00)?( BC)?$/;
const DASH = 0x2d;
const SPACE = 0x20;

/** JSON of a `date`: the days since 1970-01-01. */
export function dateJson(text: string): string {
  if (text.length === 10 && text.charCodeAt(4) === DASH)
    return String(daysOf(fourDigits(text, 0), twoDigits(text, 5), twoDigits(text, 8)));
  if (text === "infinity") return "2147483647";
  if (text === "-infinity") return "-2147483648";
  const [, year, month, day, bc] = DATE.exec(text) ?? [];
  return year === undefined ? jsonString(text) : String(daysOf(yearOf(year, bc), Number(month), Number(day)));
}

/** JSON of a `timestamp`: milliseconds since 1970 up to a precision of 3, else microseconds. */
export function timestampJson(precision: number): (text: string) => string {
  const digits = precision <= 3 ? 3 : 6;
  // The largest times that Debezium's driver knows. Milliseconds of a timestamp stay far below.
  const [infinity, negative] =
    digits === 3
      ? ["9223372036825200000", "-9223372036832400000"]
      : ["9223372036854775807", "-9223372036854775808"];
  return (text) => {
    const last = text.charCodeAt(text.length - 1);
    if (text.charCodeAt(4) === DASH && text.charCodeAt(10) === SPACE && last >= 0x30 && last <= 0x39) {
      const days = daysOf(fourDigits(text, 0), twoDigits(text, 5), twoDigits(text, 8));
      return scaled(days * 86_400 + secondsOfDay(text, 11), fractionOf(text, 19, text.length, digits));
    }
    if (text === "infinity") return infinity;
    if (text === "-infinity") return negative;
    const [, year, month, day, time = "", fraction = "", bc] = TIMESTAMP.exec(text) ?? [];
    if (year === undefined) return jsonString(text);
    const days = daysOf(yearOf(year, bc), Number(month), Number(day));
    return scaled(days * 86_400 + secondsOfDay(time, 0), fraction.padEnd(digits, "0"));
  };
}

/** JSON of a `timestamptz`: ISO 8601 in UTC, with as many decimals as the column has. */
export function timestamptzJson(precision: number): (text: string) => string {
  return (text) => {
    const end = text.length - 3;
    if (text.charCodeAt(4) === DASH && text.charCodeAt(10) === SPACE && text.endsWith("+00")) {
      const fraction = precision === 0 ? "" : `.${fractionOf(text, 19, end, precision)}`;
      return `"${text.slice(0, 10)}T${text.slice(11, 19)}${fraction}Z"`;
    }
    const [, year, month, day, time, fraction = "", bc] = TIMESTAMP.exec(text) ?? [];
    // `infinity` and `-infinity` are written as they are.
    if (year === undefined) return jsonString(text);
    const decimals = precision === 0 ? "" : `.${fraction.padEnd(precision, "0")}`;
    return `"${isoYear(yearOf(year, bc))}-${month}-${day}T${time}${decimals}Z"`;
  };
}

const yearOf = (digits: string, bc: string | undefined): number =>
  bc === undefined ? Number(digits) : 1 - Number(digits);

/** A year of ISO 8601: four digits, with a sign before 0 and after 9999. */
function isoYear(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, "0");
  if (year < 0) return `-${digits}`;
  return year > 9999 ? `+${digits}` : digits;
}
