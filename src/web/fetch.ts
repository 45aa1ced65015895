// `fetch` functions with a time limit. They use the proxies of the environment, can be cancelled, and do not follow redirects.
// `boundedFetch` throws for every status other than 2xx; `answeringFetch` does not.

import { withExactNumbers } from "../core/json-numbers.ts";
import { environmentAgent } from "./agent.ts";
import { fetchAnswer } from "./answer.ts";
import { InvalidRequest } from "./failure.ts";
import { exchange, type OutgoingRequest } from "./request.ts";

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
export function boundedFetch(limits: FetchLimits): typeof fetch {
  return async (input, init) => {
    const request = createRequest(limits.receiver, input, init);
    const answer = await exchange(await outgoing(request, limits), limits.cancel);
    const type = answer.headers["content-type"];
    return new Response(
      new Uint8Array(answer.body),
      type === undefined ? {} : { headers: { "content-type": type } },
    );
  };
}

/** The maximum size of an answer of `answeringFetch`, in bytes. */
const MAX_ANSWER = 10 * 1024 * 1024;

/**
 * As `boundedFetch`, for a client library that handles statuses itself: resolves with a complete response of any status. In JSON,
 * numbers that JavaScript would round become strings.
 *
 * @returns a `fetch` that throws HttpFailure, AnswerTooLarge, ProxyRefused, InvalidRequest, or the reason of `cancel`
 */
export function answeringFetch(limits: FetchLimits): typeof fetch {
  return async (input, init) => {
    const request = createRequest(limits.receiver, input, init);
    const cancel = AbortSignal.any([limits.cancel, request.signal]);
    const { status, headers, body } = await fetchAnswer(await outgoing(request, limits), MAX_ANSWER, cancel);
    // The body is decompressed.
    const { "content-encoding": _, "content-length": __, ...rest } = headers;
    const all = Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)]);
    const isEmpty = status === 204 || status === 304;
    return new Response(isEmpty ? null : exactText(body), { status, headers: all });
  };
}

function exactText(body: Buffer): string {
  const text = body.toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    const exact = withExactNumbers(body, parsed);
    return exact === parsed ? text : JSON.stringify(exact);
  } catch {
    return text;
  }
}

async function outgoing(
  request: Request,
  { receiver, timeoutMs, now }: FetchLimits,
): Promise<OutgoingRequest> {
  const url = new URL(request.url);
  return {
    receiver,
    url,
    method: request.method,
    headers: Object.fromEntries(request.headers),
    body: Buffer.from(await request.arrayBuffer()),
    timeoutMs,
    agent: environmentAgent(url),
    now: now(),
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
