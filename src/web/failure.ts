// The errors of HTTP requests: a status other than 2xx, or no response.

/** The longest pause, in milliseconds. A longer `Retry-After` is reduced to it. */
const MOST_RETRY_AFTER_MS = 3_600_000;

/** The error of a request that failed. The message names the receiver and contains no secret. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
  /** The status of the response; undefined when there was no complete response. */
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

/** The error of a request whose URL or header is not valid. The message does not quote them. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";

  constructor(receiver: string) {
    super(`the request to ${receiver} cannot be sent: its URL or one of its headers is not valid`);
  }
}

/**
 * Creates the error for a status other than 2xx.
 *
 * @param receiver the name of the receiver in the message
 * @param now milliseconds since 1970
 */
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

/**
 * Creates the error for a request without a complete response.
 *
 * @param late aborted when `timeoutMs` has passed
 */
export function noAnswer(
  receiver: string,
  cause: unknown,
  late: AbortSignal,
  timeoutMs: number,
): HttpFailure {
  const why = late.aborted ? `no answer within ${timeoutMs} ms` : codeOf(cause);
  return new HttpFailure(`${receiver} cannot be reached: ${why}`, { cause });
}

/** Parses `Retry-After` (RFC 9110, 10.2.3), which is seconds or a date. @returns milliseconds from `now` */
export function parseRetryAfter(text: string | null | undefined, now: number): number | undefined {
  if (!text) return undefined;
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(MOST_RETRY_AFTER_MS, Math.max(0, wait));
}

/**
 * Returns the code of an error, such as ECONNREFUSED, or its name. The message is not used, because it may
 * quote a URL or a header, which may be secret. The error of Node's `fetch` contains the reason as its cause.
 */
function codeOf(error: unknown): string {
  const { cause = error } = error as { readonly cause?: unknown };
  const { code, name } = cause as NodeJS.ErrnoException;
  return code ?? name;
}
