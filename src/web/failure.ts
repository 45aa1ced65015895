// The errors of HTTP requests: a status other than 2xx, no response, or a response that is not valid.

import { parseRetryAfter } from "../core/retry-after.ts";
import type { Clean } from "./excerpt.ts";

/** The longest pause, in milliseconds. A longer `Retry-After` is reduced to it. */
const MOST_RETRY_AFTER_MS = 3_600_000;

/** An error of this folder. Its message contains no secret. */
export class WebError extends Error {}

/** The error of a request that failed. The message names the receiver and contains no secret. */
export class HttpFailure extends WebError {
  override readonly name = "HttpFailure";
  /** The status of the response; undefined when there was no complete response. */
  readonly status: number | undefined;
  /** The pause that the receiver asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Private, so that no log contains it. */
  readonly #body: string;
  /** True when there was a response that is not valid HTTP. */
  readonly isUnreadable: boolean;

  constructor(
    message: string,
    facts: {
      status?: number;
      retryAfterMs?: number | undefined;
      body?: string;
      isUnreadable?: boolean;
      cause?: unknown;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.#body = facts.body ?? "";
    this.isUnreadable = facts.isUnreadable ?? false;
  }

  /** The beginning of the body of the response (8 KiB). It may contain secrets: an error quotes only what `Clean` returns. */
  get body(): string {
    return this.#body;
  }
}

/** The error of a request for which the proxy did not open a tunnel. The message does not name the proxy. */
export class ProxyRefused extends WebError {
  override readonly name = "ProxyRefused";
  /** The status with which the proxy answered CONNECT. */
  readonly status: number;

  constructor(receiver: string, status: number) {
    const next =
      status === 407
        ? "set the user name and the password of the proxy in its URL"
        : "check that the proxy allows CONNECT to the host and the port of the receiver";
    super(`${receiver} cannot be reached: the proxy answered CONNECT with ${status}; ${next}`);
    this.status = status;
  }
}

/** The error of a tunnel that the proxy neither opened nor refused. The message does not name the proxy. */
export class TunnelFailed extends WebError {
  override readonly name = "TunnelFailed";
}

/** The message of a TunnelFailed. */
export const NOT_HTTP =
  "the answer of the proxy to CONNECT is not valid HTTP; check the host and the port of the proxy";

/** The error of a request whose URL or header is not valid. The message does not quote them. */
export class InvalidRequest extends WebError {
  override readonly name = "InvalidRequest";

  constructor(receiver: string) {
    super(`the request to ${receiver} cannot be sent: its URL or one of its headers is not valid`);
  }
}

/** The error of a request whose proxy is not a URL. The message does not quote it, because it may contain a password. */
export class InvalidProxy extends WebError {
  override readonly name = "InvalidProxy";

  /** @param source the name of the option or of the variables */
  constructor(source: string) {
    super(`${source} must be the http or https URL of a proxy, such as http://proxy.example.com:3128`);
  }
}

/**
 * Creates the error for a status other than 2xx.
 *
 * @param receiver the name of the receiver in the message
 * @param now milliseconds since 1970
 * @param body the beginning of the body
 */
export function badAnswer(
  receiver: string,
  status: number,
  retryAfter: string | null | undefined,
  now: number,
  body: string,
  clean: Clean,
): HttpFailure {
  const said = clean(body);
  const why = status >= 300 && status < 400 ? ": redirects are not followed" : "";
  const retryAfterMs = parseRetryAfter(retryAfter, now, MOST_RETRY_AFTER_MS);
  const quoted = said === "" ? "" : `: ${said}`;
  return new HttpFailure(`${receiver} answered ${status}${why}${quoted}`, { status, retryAfterMs, body });
}

/**
 * Creates the error for a request without a complete response, or whose response is not valid HTTP.
 *
 * @param late aborted when `timeoutMs` has passed
 * @param through a part of the message, such as " through the proxy"
 */
export function noAnswer(
  receiver: string,
  cause: unknown,
  late: AbortSignal,
  timeoutMs: number,
  through: string,
): HttpFailure {
  const code = codeOf(cause);
  // The codes of Node's HTTP parser (llhttp).
  if (code.startsWith("HPE_"))
    return new HttpFailure(`${receiver} answered with a response that is not valid HTTP: ${code}`, {
      isUnreadable: true,
      cause,
    });
  const why = late.aborted ? `no answer within ${timeoutMs} ms` : code;
  return new HttpFailure(`${receiver} cannot be reached${through}: ${why}`, { cause });
}

/**
 * Returns the message of a `WebError`, also if it is the cause of another error: client libraries wrap the errors of `fetch`.
 * For any other error, returns its code, such as ECONNREFUSED, or its name: its message may quote a URL or a header.
 */
export function failureReason(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof WebError) return error.message;
  return codeOf(thrown);
}

function codeOf(error: unknown): string {
  if (error instanceof TunnelFailed) return error.message;
  const { code, name } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : name;
}
