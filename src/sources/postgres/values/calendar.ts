// The proleptic Gregorian calendar, in which PostgreSQL counts.

/** Returns the days since 1970-01-01. The year 0 is 1 BC. */
export function daysOf(year: number, month: number, day: number): number {
  // Years start in March here, so that the leap day is the last day.
  const shifted = month > 2 ? year : year - 1;
  const century = Math.floor(shifted / 100);
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays = Math.floor(shifted / 4) - century + Math.floor(century / 4);
  return shifted * 365 + leapDays + dayOfYear - 719_468;
}

/** Returns the number in two digits of a text. */
export const twoDigits = (text: string, at: number): number =>
  text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528;

/** Returns the number in four digits of a text. */
export const fourDigits = (text: string, at: number): number =>
  twoDigits(text, at) * 100 + twoDigits(text, at + 2);

/** Returns the seconds in `HH:MM:SS`. */
export const secondsOfDay = (text: string, at: number): number =>
  twoDigits(text, at) * 3600 + twoDigits(text, at + 3) * 60 + twoDigits(text, at + 6);

/** Returns the fraction of a second as that many digits. `dot` is the position of the dot; the text may end there. */
export const fractionOf = (text: string, dot: number, end: number, digits: number): string =>
  end - dot - 1 === digits ? text.slice(dot + 1, end) : text.slice(dot + 1, end).padEnd(digits, "0");

/**
 * Returns seconds with a fraction as an integer of milliseconds or microseconds. Works on the digits, since microseconds exceed
 * the integers of a double.
 */
export function scaled(seconds: number, fraction: string): string {
  if (seconds > 0) return `${seconds}${fraction}`;
  const part = Number(fraction);
  if (seconds === 0) return String(part);
  if (part === 0) return `${seconds}${fraction}`;
  const rest = 10 ** fraction.length - part;
  return seconds === -1 ? `-${rest}` : `${seconds + 1}${String(rest).padStart(fraction.length, "0")}`;
}
