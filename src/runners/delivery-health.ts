// Tracks which partitions of a sink are retried, and logs once when deliveries begin to fail and when they succeed again.

import type { ConsumedRecord, Log } from "../core/ports.ts";
import type { Clock } from "../core/time.ts";

/** A partition counts as blocked when its record has been retried for this long, in milliseconds. */
const BLOCKED_AFTER_MS = 5000;
/** Deliveries count as successful again when none has failed for this long, in milliseconds. */
const RECOVERED_AFTER_MS = 10_000;

/** The health of the deliveries of one sink. */
export class DeliveryHealth {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sink: string;
  /** The partitions whose record is retried, with the time of the first failure. */
  readonly #retrying = new Map<string, number>();
  /** The time of the last failure; undefined when deliveries succeed. */
  #failedAt: number | undefined;

  constructor(sink: string, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#sink = sink;
    this.#clock = clock;
    this.#log = log;
  }

  /** True while a record is retried. */
  get isRetrying(): boolean {
    return this.#retrying.size > 0;
  }
  /** The number of partitions whose record has been retried for some time. */
  get blocked(): number {
    const before = this.#clock.now() - BLOCKED_AFTER_MS;
    return [...this.#retrying.values()].filter((since) => since <= before).length;
  }

  /** Called after each attempt that failed with a retriable error. @param fields the fields of the log line */
  onFailure(fields: object, at: number): void {
    if (this.#failedAt === undefined) this.#log.warn(fields, "deliveries fail; Onramp retries them");
    this.#failedAt = at;
  }

  /** Called before the wait for the next attempt to deliver the record or to write its dead letter. */
  onRetry(record: ConsumedRecord): void {
    const place = placeOf(record);
    if (!this.#retrying.has(place)) this.#retrying.set(place, this.#clock.now());
  }

  /** Called when the record is no longer retried: it was delivered or given up, or the partition was revoked. */
  onDone(record: ConsumedRecord | undefined): void {
    if (record) this.#retrying.delete(placeOf(record));
  }

  /** Called when a record was delivered. Others may fail again if one has failed a moment ago. */
  onDelivered(record: ConsumedRecord): void {
    this.onDone(record);
    if (this.#failedAt === undefined || this.isRetrying) return;
    if (this.#clock.now() - this.#failedAt < RECOVERED_AFTER_MS) return;
    this.#failedAt = undefined;
    this.#log.info({ sink: this.#sink }, "deliveries succeed again");
  }
}

const placeOf = ({ topic, partition }: ConsumedRecord): string => `${topic}/${partition}`;
