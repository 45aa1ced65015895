// What HTTP says of a delivery that failed, for all who speak it.

import { DeliveryError } from "../core/sink.ts";

/** Answers that say "not now": the receiver, or what stands in front of it, is away or overloaded. */
const AWAY = [429, 502, 503, 504];
const WORTH_A_RETRY = [408, 409, 425];
/** Who asks for a longer wait is asked again after this. */
const MOST_RETRY_AFTER_MS = 3_600_000;

/** What an HTTP answer other than 2xx means. */
export function failureOf(status: number, retryAfter: string | null | undefined, now: number): DeliveryError {
  const retryAfterMs = parseRetryAfter(retryAfter, now);
  if (AWAY.includes(status))
    return new DeliveryError("away", `the receiver answered ${status}`, { retryAfterMs });
  if (status >= 500 || WORTH_A_RETRY.includes(status))
    return new DeliveryError("answered", `the receiver answered ${status}`, { retryAfterMs });
  const why = status >= 300 && status < 400 ? ": redirects are not followed" : "";
  return new DeliveryError("permanent", `the receiver answered ${status}${why}`);
}

/** `Retry-After` (RFC 9110, 10.2.3) in milliseconds: seconds, or a date. */
function parseRetryAfter(text: string | null | undefined, now: number): number | undefined {
  if (!text) return undefined;
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(MOST_RETRY_AFTER_MS, Math.max(0, wait));
}

/**
 * No answer at all: nobody there, the connection cut, or the time up.
 *
 * @param who as the operator knows them
 * @param late what bounded the time of the attempt
 */
export function unreachable(
  who: string,
  cause: unknown,
  late: AbortSignal,
  timeoutMs: number,
): DeliveryError {
  const why = late.aborted ? `no answer within ${timeoutMs} ms` : codeOf(cause);
  return new DeliveryError("away", `${who} can't be reached: ${why}`, { cause });
}

/**
 * The code, as ECONNREFUSED; messages of TLS and DNS errors may quote what is nobody's business. undici says "fetch
 * failed", and what failed is the cause.
 */
function codeOf(error: unknown): string {
  const { cause = error } = error as { readonly cause?: unknown };
  const { code, message } = cause as NodeJS.ErrnoException;
  return code ?? message;
}
