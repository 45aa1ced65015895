// A `fetch` with a time limit. It can be cancelled, does not follow redirects, and throws for every status
// other than 2xx.

import { badAnswer, InvalidRequest, noAnswer } from "./failure.ts";

export interface FetchLimits {
  /** The name of the receiver in errors. */
  readonly receiver: string;
  /** The time limit for the complete response, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborts the request. */
  readonly cancel: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * @returns a `fetch` that resolves with a complete response of status 2xx, and throws HttpFailure,
 *   InvalidRequest, or the reason of `cancel`
 */
export function boundedFetch({ receiver, timeoutMs, cancel, now }: FetchLimits): typeof fetch {
  return async (input, init) => {
    const late = AbortSignal.timeout(timeoutMs);
    const request = createRequest(receiver, input, {
      ...init,
      redirect: "manual",
      signal: AbortSignal.any([cancel, late]),
    });
    let response: Response;
    let body = "";
    try {
      response = await fetch(request);
      // The body is read here, so that a truncated response is an error.
      if (response.ok) body = await response.text();
    } catch (cause) {
      cancel.throwIfAborted();
      throw noAnswer(receiver, cause, late, timeoutMs);
    }
    if (response.ok) return new Response(body, { status: 200, headers: response.headers });
    await response.body?.cancel().catch(() => {});
    throw badAnswer(receiver, response.status, response.headers.get("retry-after"), now());
  };
}

/** @throws InvalidRequest, because the errors of `Request` quote the URL or the header */
function createRequest(receiver: string, input: string | URL | Request, init: RequestInit): Request {
  try {
    return new Request(input, init);
  } catch {
    throw new InvalidRequest(receiver);
  }
}
