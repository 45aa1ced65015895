// Converts local times of a time zone to seconds since 1970.

import { SourceError } from "../../core/source.ts";

const LOCAL_TIME = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d))?$/;
const HOUR_MS = 3_600_000;

/**
 * Returns a function that converts a local time such as `2021-08-20 12:00:00` to seconds since 1970. For a time that occurs twice,
 * when daylight saving ends, it returns the first.
 *
 * @param zone a name of the tz database, such as `US/Eastern`
 * @throws SourceError for an unknown zone; the returned function throws it for a text that is not a time
 */
export function createZone(zone: string): (local: string) => number {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  } catch {
    throw new SourceError(
      "passing",
      `Alpha Vantage answered with the time zone "${zone.slice(0, 60)}", which is not known`,
    );
  }
  const offsets = new Map<number, number>();
  const offsetAt = (time: number): number => {
    const hour = Math.floor(time / HOUR_MS);
    const known = offsets.get(hour);
    if (known !== undefined) return known;
    const name = format.formatToParts(hour * HOUR_MS).find(({ type }) => type === "timeZoneName")?.value;
    const offset = offsetOf(name ?? "");
    offsets.set(hour, offset);
    return offset;
  };
  return (local) => {
    const parts = LOCAL_TIME.exec(local)
      ?.slice(1)
      .map((part) => Number(part ?? 0));
    if (!parts)
      throw new SourceError(
        "passing",
        `Alpha Vantage answered with "${local.slice(0, 60)}" instead of a time`,
      );
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
    const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
    // The offset before the local time, and the one after it; they differ around a change.
    const [before, after] = [offsetAt(asUtc - 14 * HOUR_MS), offsetAt(asUtc + 14 * HOUR_MS)];
    const first = asUtc - Math.max(before, after);
    const time = offsetAt(first) === Math.max(before, after) ? first : asUtc - Math.min(before, after);
    return time / 1000;
  };
}

/** The milliseconds in a name such as `GMT-04:00`. */
function offsetOf(name: string): number {
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name) ?? [];
  const ms = Number(hours ?? 0) * HOUR_MS + Number(minutes ?? 0) * 60_000;
  return sign === "-" ? -ms : ms;
}
