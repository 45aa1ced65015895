// The pause that a server asks for.

/**
 * Parses `Retry-After` (RFC 9110, 10.2.3), which is seconds or a date.
 *
 * @param mostMs a longer pause is reduced to it, in milliseconds
 * @returns milliseconds from `now`
 */
export function parseRetryAfter(
  text: string | null | undefined,
  now: number,
  mostMs: number,
): number | undefined {
  if (!text) return undefined;
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(mostMs, Math.max(0, wait));
}
