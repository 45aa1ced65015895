// Posts JSON to receivers, and converts the errors of `web/` to DeliveryErrors.

import { DeliveryError, type FailureKind, failureKindOf } from "../../core/sink.ts";
import { RefusedAddress } from "../../web/address-policy.ts";
import { HttpFailure, InvalidProxy, InvalidRequest, ProxyRefused } from "../../web/failure.ts";
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
  await boundedFetch(limits)(url, request).catch((thrown: unknown) => throwDelivery(thrown));
}

/**
 * Returns what a failure means for a kind of sink, where that differs from `failureKindOf`; undefined where it does not.
 * `message` replaces the message of the failure. `hint` is a sentence for the operator, such as the next step, without the
 * full stop.
 */
export type Meaning = (failure: HttpFailure) =>
  | {
      readonly kind: FailureKind;
      readonly message?: string | undefined;
      readonly hint?: string | undefined;
    }
  | undefined;

const USUAL: Meaning = () => undefined;

/** Throws an error of `web/` as a DeliveryError, and any other error unchanged. */
export function throwDelivery(thrown: unknown, meaning?: Meaning): never {
  throw deliveryErrorIn(thrown, meaning) ?? thrown;
}

/**
 * @returns the DeliveryError for an error or one of its causes, since client libraries wrap the errors of
 *   `fetch`; undefined when there is none
 */
export function deliveryErrorIn(thrown: unknown, meaning = USUAL): DeliveryError | undefined {
  for (let error = thrown; error instanceof Error; ) {
    if (error instanceof DeliveryError) return error;
    if (error instanceof RefusedAddress || error instanceof InvalidRequest)
      return new DeliveryError("permanent", error.message, { cause: error });
    if (error instanceof ProxyRefused) {
      const kind = failureKindOf(error.status) === "permanent" ? "blocked" : "away";
      return new DeliveryError(kind, error.message, { cause: error });
    }
    if (error instanceof InvalidProxy) return new DeliveryError("blocked", error.message, { cause: error });
    if (error instanceof HttpFailure) return ofHttp(error, meaning(error));
    error = (error as { original?: unknown }).original ?? error.cause;
  }
  return undefined;
}

function ofHttp(error: HttpFailure, special: ReturnType<Meaning>): DeliveryError {
  const { message, status, retryAfterMs } = error;
  const kind = special?.kind ?? (error.isUnreadable ? "answered" : failureKindOf(status));
  const text = [special?.message ?? message, special?.hint].filter(Boolean).join(". ");
  return new DeliveryError(kind, text, { retryAfterMs, cause: error });
}
