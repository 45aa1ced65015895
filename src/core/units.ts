// Parses the durations and sizes of the configuration.

declare const unit: unique symbol;
/** A valid duration, such as "30s". */
export type Duration = string & { readonly [unit]: "duration" };
/** A valid size, such as "10MB". */
export type Size = string & { readonly [unit]: "size" };

const DURATION = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

/** @returns a duration such as `30s` in milliseconds; undefined when the text is not a duration */
export function parseDuration(text: string): number | undefined {
  return scaled(text, /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/, DURATION);
}

/** @returns a size such as `10MB` in bytes; undefined when the text is not a size */
export function parseSize(text: string): number | undefined {
  return scaled(text, /^(\d+(?:\.\d+)?)(B|kB|MB|GB)$/, SIZE);
}

function scaled(text: string, shape: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit] = shape.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  return factor === undefined ? undefined : Math.round(Number(amount) * factor);
}

/** @returns the duration in milliseconds */
export const ms = (duration: Duration): number => parseDuration(duration) ?? 0;
/** @returns the size in bytes */
export const bytes = (size: Size): number => parseSize(size) ?? 0;
