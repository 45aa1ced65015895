// The two ways in which a broker fails a request.

import { isRetriable, kafkaErrorName } from "../../wire/error-codes.ts";

/** A connection could not be had, was lost, or timed out. */
export class BrokerGone extends Error {
  override readonly name = "BrokerGone";
  /** True when the request may have reached the broker, so that its outcome is unknown. */
  readonly sent: boolean;
  /** True when it was a request that outlasted its time, not the connection that failed. */
  readonly timedOut: boolean;

  constructor(message: string, facts: { sent: boolean; timedOut?: boolean; cause?: unknown }) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.sent = facts.sent;
    this.timedOut = facts.timedOut ?? false;
  }
}

/** A broker answered a request as a whole with an error code. */
export class BrokerRefused extends Error {
  override readonly name = "BrokerRefused";
  readonly code: number;
  /** Whether the same request may succeed later. */
  readonly retriable: boolean;

  constructor(doing: string, code: number, reason?: string | null) {
    super(`${doing}: ${kafkaErrorName(code)}${reason ? `: ${reason}` : ""}`);
    this.code = code;
    this.retriable = isRetriable(code);
  }
}
