// Tracks which partitions of a sink are retried or blocked, and logs once when that begins and when it ends.

import type { BlockedReason, ConsumedRecord, Log } from "../core/ports.ts";
import type { Clock } from "../core/time.ts";

/** A partition counts as blocked when its record has been retried for this long, in milliseconds. */
const BLOCKED_AFTER_MS = 5000;
/** Deliveries count as successful again when none has failed for this long, in milliseconds. */
const RECOVERED_AFTER_MS = 10_000;

/** A partition whose record is retried. */
interface Retry {
  /** When the first attempt failed; if `reason` is set, when the partition was blocked. */
  readonly since: number;
  /**
   * What an operator must resolve; undefined when the retries may succeed without an operator. It remains after a failure
   * that does not need an operator, since that does not show that the cause is resolved.
   */
  readonly reason: string | undefined;
}

/** The health of the deliveries of one sink. */
export class DeliveryHealth {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sink: string;
  readonly #retries = new Map<string, Retry>();
  /**
   * The latest reason, while the log says that deliveries are blocked. One line is for all partitions and reasons, since
   * the same cause has different texts if the receiver returns the id of the request.
   */
  #reported: string | undefined;
  /** The time of the last failure; undefined when deliveries succeed. */
  #failedAt: number | undefined;

  constructor(sink: string, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#sink = sink;
    this.#clock = clock;
    this.#log = log;
  }

  /** True while a record is retried. */
  get isRetrying(): boolean {
    return this.#retries.size > 0;
  }
  /** The number of partitions that are blocked, or whose record has been retried for some time. */
  get blocked(): number {
    const before = this.#clock.now() - BLOCKED_AFTER_MS;
    return [...this.#retries.values()].filter(({ since, reason }) => reason !== undefined || since <= before)
      .length;
  }
  /** What an operator must resolve, the oldest first and each once. */
  get blockedReasons(): readonly BlockedReason[] {
    const reasons = new Map<string, BlockedReason>();
    for (const { since, reason } of this.#retries.values())
      if (reason !== undefined && since < (reasons.get(reason)?.since ?? Number.POSITIVE_INFINITY))
        reasons.set(reason, { since, message: reason });
    return [...reasons.values()].sort((a, b) => a.since - b.since);
  }

  /** Returns what an operator must resolve for a partition; undefined when there is nothing. */
  reasonOf(partition: Pick<ConsumedRecord, "topic" | "partition">): string | undefined {
    return this.#retries.get(placeOf(partition))?.reason;
  }

  /** Called after each attempt that failed with a retriable error. @param fields the fields of the log line */
  onFailure(fields: object, at: number): void {
    if (this.#failedAt === undefined) this.#log.warn(fields, "deliveries fail; Onramp retries them");
    this.#failedAt = at;
  }

  /**
   * Called before the wait for the next attempt to deliver the record or to write its dead letter.
   *
   * @param reason what an operator must resolve; undefined when the next attempt may succeed without an operator
   */
  onRetry({ topic, partition, offset }: ConsumedRecord, reason: string | undefined): void {
    const place = placeOf({ topic, partition });
    const previous = this.#retries.get(place);
    const begins = reason !== undefined && previous?.reason === undefined;
    const since = previous && !begins ? previous.since : this.#clock.now();
    this.#retries.set(place, { since, reason: reason ?? previous?.reason });
    if (reason === undefined) return;
    if (this.#reported === undefined)
      this.#log.warn(
        { sink: this.#sink, topic, partition, offset, reason },
        "delivery is blocked; it resumes when the cause is resolved",
      );
    this.#reported = reason;
  }

  /** Called when the record is no longer retried: it was delivered, skipped or given up. */
  onDone(record: ConsumedRecord | undefined): void {
    if (record && this.#remove(record) !== undefined) this.#reportEnd();
  }

  /** Called when the attempts end because the partition was revoked or the process stops: the cause may remain. */
  onAborted(record: ConsumedRecord | undefined): void {
    if (record) this.#remove(record);
  }

  /** Called when a record was delivered. Others may fail again if one has failed a moment ago. */
  onDelivered(record: ConsumedRecord): void {
    this.#remove(record);
    this.#reportEnd();
    if (this.#failedAt === undefined || this.isRetrying) return;
    if (this.#clock.now() - this.#failedAt < RECOVERED_AFTER_MS) return;
    this.#failedAt = undefined;
    this.#log.info({ sink: this.#sink }, "deliveries succeed again");
  }

  /** @returns the reason of the partition */
  #remove(record: ConsumedRecord): string | undefined {
    const reason = this.reasonOf(record);
    this.#retries.delete(placeOf(record));
    return reason;
  }

  #reportEnd(): void {
    const reason = this.#reported;
    if (reason === undefined || [...this.#retries.values()].some((retry) => retry.reason !== undefined))
      return;
    this.#reported = undefined;
    this.#log.info({ sink: this.#sink, reason }, "delivery is no longer blocked");
  }
}

const placeOf = ({ topic, partition }: Pick<ConsumedRecord, "topic" | "partition">): string =>
  `${topic}/${partition}`;
