// Defines the two errors of a request to a broker: no response, or a response with an error code.

import { messageOf } from "../../core/errors.ts";
import { isRetriable, kafkaErrorName } from "../../wire/error-codes.ts";

/** The longest text of a broker in an error, in characters. */
const MAX_TEXT = 500;

/** Shortens a text of a broker, which may have megabytes, for an error that is logged or returned. */
export const shortened = (text: string): string =>
  text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;

/** A connection could not be opened, was lost, or timed out. */
export class BrokerGone extends Error {
  override readonly name = "BrokerGone";
  /** True when the request may have reached the broker, so that its result is unknown. */
  readonly sent: boolean;
  /** True when the broker did not answer a request in time; false when the connection failed. */
  readonly timedOut: boolean;

  constructor(message: string, details: { sent: boolean; timedOut?: boolean; cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.sent = details.sent;
    this.timedOut = details.timedOut ?? false;
  }
}

/** Onramp could not log in, for a reason that is not an answer of the broker, such as a missing token. */
export class LoginFailed extends BrokerGone {
  constructor(address: string, cause: unknown) {
    super(`cannot log in to ${address}: ${messageOf(cause)}`, { sent: false, cause });
  }
}

/** A broker answered a whole request with an error code. */
export class BrokerRefused extends Error {
  override readonly name = "BrokerRefused";
  readonly code: number;
  /** Whether the same request may succeed later. */
  readonly retriable: boolean;

  /**
   * @param action what failed, such as "requesting a producer id"
   * @param code the error code of the response
   * @param reason the error message of the response
   */
  constructor(action: string, code: number, reason?: string | null) {
    super(`${action}: ${kafkaErrorName(code)}${reason ? `: ${shortened(reason)}` : ""}`);
    this.code = code;
    this.retriable = isRetriable(code);
  }
}
