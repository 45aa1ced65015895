// `fetch` for Slack's clients: bounded, abortable, and every answer but 2xx thrown as what it means for a retry. Their
// own errors leave out `Retry-After`, and their own retries would stand beside the sink runner's.

import { DeliveryError } from "../core/sink.ts";
import { failureOf, unreachable } from "./failure.ts";

/** @param signal aborted when the delivery is no longer ours */
export function deliveringFetch(timeoutMs: number, signal: AbortSignal, now: () => number): typeof fetch {
  return async (input, init) => {
    const late = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let body = "";
    try {
      response = await fetch(input, { ...init, redirect: "manual", signal: AbortSignal.any([signal, late]) });
      // An answer that is cut is no answer, so it is read here.
      if (response.ok) body = await response.text();
    } catch (cause) {
      signal.throwIfAborted();
      throw unreachable("Slack", cause, late, timeoutMs);
    }
    if (response.ok) return new Response(body, { status: 200, headers: response.headers });
    await response.body?.cancel().catch(() => {});
    throw failureOf(response.status, response.headers.get("retry-after"), now());
  };
}

/** The failure that stands at the bottom of what a client made of it. */
export function deliveryErrorIn(thrown: unknown): DeliveryError | undefined {
  for (let error = thrown; error instanceof Error; ) {
    if (error instanceof DeliveryError) return error;
    error = (error as { original?: unknown }).original ?? error.cause;
  }
  return undefined;
}
