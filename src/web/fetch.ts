// `fetch` with a time limit, that can be cancelled, follows no redirect, and throws every answer other than 2xx.

import { badAnswer, InvalidRequest, noAnswer } from "./failure.ts";

export interface FetchLimits {
  /** The name of the receiver in errors. */
  readonly receiver: string;
  /** The time for the whole answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborts the request. */
  readonly cancel: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** @returns a `fetch` that throws HttpFailure, InvalidRequest, or the reason of `cancel`; its answers are whole */
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
      // Read here: an answer that is cut off is not an answer.
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

/** @throws InvalidRequest: the errors of `Request` quote the URL or the header */
function createRequest(receiver: string, input: string | URL | Request, init: RequestInit): Request {
  try {
    return new Request(input, init);
  } catch {
    throw new InvalidRequest(receiver);
  }
}
