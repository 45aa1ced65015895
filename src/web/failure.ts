// How an HTTP request fails: with an answer other than 2xx, or without one.

/** A receiver that asks for a longer pause is tried again after this time. */
const MOST_RETRY_AFTER_MS = 3_600_000;

/** A request that did not succeed. The message names the receiver and contains no secret. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
  /** The status of the answer; undefined when there was no whole answer. */
  readonly status: number | undefined;
  /** The pause that the receiver asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    facts: { status?: number; retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** A request that cannot be sent: its URL or one of its headers is not valid. The message does not quote them. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";

  constructor(receiver: string) {
    super(`the request to ${receiver} cannot be sent: its URL or one of its headers is not valid`);
  }
}

/** An answer other than 2xx. @param receiver its name for operators @param now milliseconds since 1970 */
export function badAnswer(
  receiver: string,
  status: number,
  retryAfter: string | null | undefined,
  now: number,
): HttpFailure {
  const why = status >= 300 && status < 400 ? ": redirects are not followed" : "";
  const retryAfterMs = parseRetryAfter(retryAfter, now);
  return new HttpFailure(`${receiver} answered ${status}${why}`, { status, retryAfterMs });
}

/** No whole answer: nothing listens, the connection was cut, or the time is over. @param late aborted when the time is over */
export function noAnswer(
  receiver: string,
  cause: unknown,
  late: AbortSignal,
  timeoutMs: number,
): HttpFailure {
  const why = late.aborted ? `no answer within ${timeoutMs} ms` : codeOf(cause);
  return new HttpFailure(`${receiver} cannot be reached: ${why}`, { cause });
}

/** `Retry-After` (RFC 9110, 10.2.3) in milliseconds: seconds, or a date. */
export function parseRetryAfter(text: string | null | undefined, now: number): number | undefined {
  if (!text) return undefined;
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(MOST_RETRY_AFTER_MS, Math.max(0, wait));
}

/**
 * The code, such as ECONNREFUSED, or the name of the error: messages may quote a URL, a header or what is confidential.
 * The `fetch` of Node.js reports "fetch failed"; the reason is the cause of that error.
 */
function codeOf(error: unknown): string {
  const { cause = error } = error as { readonly cause?: unknown };
  const { code, name } = cause as NodeJS.ErrnoException;
  return code ?? name;
}
