// Delivery over HTTP: posts JSON, and converts the failures of `web/` to failed deliveries.

import { DeliveryError, failureKindOf } from "../../core/sink.ts";
import { RefusedAddress } from "../../web/address-policy.ts";
import { HttpFailure } from "../../web/failure.ts";
import { boundedFetch, type FetchLimits } from "../../web/fetch.ts";

/**
 * Posts a JSON body.
 *
 * @param limits `receiver` is the name of the receiver in errors
 * @throws DeliveryError; the reason of `limits.cancel`
 */
export async function postJson(limits: FetchLimits, url: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  await boundedFetch(limits)(url, { method: "POST", headers, body: JSON.stringify(body) }).catch(
    throwDelivery,
  );
}

/** Throws an error of `web/` as a DeliveryError, and any other error unchanged. */
export function throwDelivery(thrown: unknown): never {
  throw deliveryErrorIn(thrown) ?? thrown;
}

/**
 * @returns the DeliveryError for an error or one of its causes: client libraries wrap the errors of `fetch`
 */
export function deliveryErrorIn(thrown: unknown): DeliveryError | undefined {
  for (let error = thrown; error instanceof Error; ) {
    if (error instanceof DeliveryError) return error;
    if (error instanceof RefusedAddress)
      return new DeliveryError("permanent", error.message, { cause: error });
    if (error instanceof HttpFailure) {
      const { message, status, retryAfterMs } = error;
      return new DeliveryError(failureKindOf(status), message, { retryAfterMs, cause: error });
    }
    error = (error as { original?: unknown }).original ?? error.cause;
  }
  return undefined;
}
