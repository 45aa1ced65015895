// The contract of a kind of sink: one function that delivers a record to an external receiver. The sink
// runner does the rest: consumer group, order, filters, retries, rate limits, dead letters, commits.

import type { AdapterKind } from "./adapter.ts";
import { duration, expression, list, oneOf, string } from "./options.ts";
import type { ConsumedRecord } from "./ports.ts";

/**
 * What a failed delivery means for the record:
 * - `permanent`: the same record will fail again. It becomes a dead letter.
 * - `answered`: the receiver answered with a failure. The delivery is tried again, and the time counts
 *   against `giveUpAfter`.
 * - `blocked`: only an operator can resolve the cause, such as a URL that was revoked. The sink is reported as
 *   `blocked` with the message, which contains the next step. The delivery is tried again about once a minute, and the
 *   time does not count.
 * - `away`: the receiver cannot be reached, or asks for a pause. The delivery is tried again, and the time
 *   does not count.
 */
export type FailureKind = "permanent" | "answered" | "blocked" | "away";

/** A delivery that failed. The message is for operators and contains no secret. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly kind: FailureKind;
  /** The pause that the receiver asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Statuses with which a receiver, or a proxy in front of it, says that it is down or overloaded. */
const AWAY: readonly number[] = [429, 502, 503, 504];
/** Statuses below 500 after which a later attempt may succeed. */
const RETRIABLE: readonly number[] = [408, 409, 425];

/**
 * Maps an HTTP status other than 2xx to a kind of failure.
 *
 * @param status undefined when there was no response
 */
export function failureKindOf(status: number | undefined): FailureKind {
  if (status === undefined || AWAY.includes(status)) return "away";
  return status >= 500 || RETRIABLE.includes(status) ? "answered" : "permanent";
}

/** A record to deliver. */
export interface OutgoingRecord extends ConsumedRecord {
  /**
   * The value as parsed JSON, in which the numbers that JavaScript would round are strings; a string when it is not
   * JSON; undefined for a tombstone.
   */
  readonly parsed: unknown;
}

/** One attempt to deliver. */
export interface Attempt {
  /**
   * Aborted a few seconds after the partition was revoked or the process began to stop: the attempt must end.
   */
  readonly cancel: AbortSignal;
  /**
   * Waits until the message may be sent. The sink calls it once per attempt, immediately before it sends the
   * message: the time of the attempt counts from here.
   *
   * @param channel where the message goes. The messages to one channel share the rate, and all of them wait
   *   for a `Retry-After` that the receiver sends
   * @param perSecond the maximum rate of messages from this process to the channel; no limit by default
   * @throws when the partition is revoked or the process stops: the sink does not catch this error
   */
  turn(channel: string, perSecond?: number): Promise<void>;
}

/** A sink that delivers each record separately. */
export interface RecordSink {
  /**
   * Delivers one record. Called by the sink runner with one record per partition at a time, in order, and
   * again with the same record after a failure that is not permanent. The sink limits the duration of the
   * attempt itself.
   *
   * @throws DeliveryError (see `FailureKind`); the reason of `attempt.cancel`; any other error counts as
   *   `permanent`
   */
  deliver(record: OutgoingRecord, attempt: Attempt): Promise<void>;
}

/** A sink that delivers several records as one message. */
export interface BatchSink {
  /**
   * Delivers the first of `records`, and as many of the next ones as fit into the same message. Called in the
   * same way as `deliver`.
   *
   * @param records records of one partition, in order, that pass the filter; at least one
   * @returns the number of records that were delivered, at least 1
   * @throws the same errors as `deliver`
   */
  deliverBatch(records: readonly OutgoingRecord[], attempt: Attempt): Promise<number>;
}

/** One configured sink. */
export type Sink = RecordSink | BatchSink;

/** A kind of sink. */
export type SinkKind = AdapterKind<Sink>;

/** The options that every sink has. */
export const sinkOptions = {
  topics: list(string("A topic."), "The topics that the sink reads.", {
    required: true,
    minItems: 1,
    uniqueItems: true,
  }),
  from: oneOf(
    ["latest", "earliest"],
    "Where a sink with a new name starts to read; after that, it continues at its committed offsets.",
    {
      default: "latest",
    },
  ),
  filter: expression("JSONata over the value. Records for which the result is not true are skipped."),
  giveUpAfter: duration(
    "How long a record is retried while its receiver answers with failures; after that, it becomes a dead letter. Time in which the receiver cannot be reached does not count.",
    { default: "10m" },
  ),
};
