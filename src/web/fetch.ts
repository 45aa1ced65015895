// A `fetch` with a time limit. It uses the proxies of the environment, can be cancelled, does not follow redirects, and
// throws for every status other than 2xx.

import { environmentAgent } from "./agent.ts";
import { InvalidRequest } from "./failure.ts";
import { exchange } from "./request.ts";

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
 * @returns a `fetch` that resolves with a complete response of status 2xx (its status is always 200), and throws
 *   HttpFailure, ProxyRefused, InvalidRequest, or the reason of `cancel`
 */
export function boundedFetch({ receiver, timeoutMs, cancel, now }: FetchLimits): typeof fetch {
  return async (input, init) => {
    const request = createRequest(receiver, input, init);
    const url = new URL(request.url);
    const headers = Object.fromEntries(request.headers);
    const answer = await exchange(
      {
        receiver,
        url,
        method: request.method,
        headers,
        body: Buffer.from(await request.arrayBuffer()),
        timeoutMs,
        agent: environmentAgent(url),
        now: now(),
      },
      cancel,
    );
    const type = answer.headers["content-type"];
    return new Response(
      new Uint8Array(answer.body),
      type === undefined ? {} : { headers: { "content-type": type } },
    );
  };
}

/** @throws InvalidRequest, because the errors of `Request` quote the URL or the header */
function createRequest(receiver: string, input: string | URL | Request, init?: RequestInit): Request {
  try {
    return new Request(input, init);
  } catch {
    throw new InvalidRequest(receiver);
  }
}
