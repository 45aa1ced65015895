// Posts JSON to receivers, and converts the errors of `web/` to DeliveryErrors.

import { DeliveryError, failureKindOf } from "../../core/sink.ts";
import { RefusedAddress } from "../../web/address-policy.ts";
import { HttpFailure, InvalidRequest } from "../../web/failure.ts";
import { boundedFetch, type FetchLimits } from "../../web/fetch.ts";

/**
 * Posts a JSON body.
 *
 * @param limits `receiver` is the name of the receiver in errors
 * @param headers further request headers, such as `authorization`
 * @throws DeliveryError; the reason of `limits.cancel`
 */
export async function postJson(
  limits: FetchLimits,
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const all = { "content-type": "application/json", ...headers };
  const request = { method: "POST", headers: all, body: JSON.stringify(body) };
  await boundedFetch(limits)(url, request).catch(throwDelivery);
}

/** Throws an error of `web/` as a DeliveryError, and any other error unchanged. */
export function throwDelivery(thrown: unknown): never {
  throw deliveryErrorIn(thrown) ?? thrown;
}

/**
 * @returns the DeliveryError for an error or one of its causes, since client libraries wrap the errors of
 *   `fetch`; undefined when there is none
 */
export function deliveryErrorIn(thrown: unknown): DeliveryError | undefined {
  for (let error = thrown; error instanceof Error; ) {
    if (error instanceof DeliveryError) return error;
    if (error instanceof RefusedAddress || error instanceof InvalidRequest)
      return new DeliveryError("permanent", error.message, { cause: error });
    if (error instanceof HttpFailure) {
      const { message, status, retryAfterMs } = error;
      return new DeliveryError(failureKindOf(status), message, { retryAfterMs, cause: error });
    }
    error = (error as { original?: unknown }).original ?? error.cause;
  }
  return undefined;
}
