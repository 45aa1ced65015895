// Runs one sink: filters records, delivers them, and writes a dead letter for each record that cannot be
// delivered, so that none is dropped. Depends neither on Kafka nor on the receiver of the sink.

import { bindingsOf } from "../core/bindings.ts";
import { messageOf, OnrampError } from "../core/errors.ts";
import { type Expression, ExpressionError } from "../core/expressions.ts";
import type { BlockedReason, ConsumedRecord, Log, RecordFeed, RecordHandler } from "../core/ports.ts";
import type { DeliveryError, OutgoingRecord, Sink } from "../core/sink.ts";
import type { SinkCounts, SinkState } from "../core/sink-state.ts";
import { Backoff, type Clock, yieldToEventLoop } from "../core/time.ts";
import { BACKOFF_FIRST_MS, BACKOFF_MOST_MS, blockedBackoff, Deliverer } from "./deliverer.ts";
import { DeliveryHealth } from "./delivery-health.ts";
import { outgoingRecord } from "./outgoing-record.ts";
import type { RateLimiter } from "./rate-limiter.ts";

export interface SinkRunnerOptions {
  readonly name: string;
  readonly type: string;
  /** Records for which the result is not `true` are skipped. */
  readonly filter: Expression | undefined;
  /** How long a record is retried while its receiver answers with failures, in milliseconds. */
  readonly giveUpAfterMs: number;
}

export interface SinkRunnerDeps {
  readonly sink: Sink;
  /** Writes a dead letter, and resolves when Kafka has written it. @throws OnrampError */
  readonly deadLetter: (record: ConsumedRecord, reason: string, attempts: number) => Promise<void>;
  /** Shared by all sinks of the process. */
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  readonly log: Log;
}

/** A record that passed the filter, or on which the filter failed. */
interface Passed {
  readonly index: number;
  readonly record: OutgoingRecord;
  readonly fault?: string;
}

/** Runs one sink, and tracks its state. */
export class SinkRunner {
  readonly name: string;
  readonly counts: SinkCounts = { delivered: 0, failed: 0, deadLettered: 0, skipped: 0 };
  readonly #options: SinkRunnerOptions;
  readonly #deps: SinkRunnerDeps;
  readonly #deliverer: Deliverer;
  readonly #batches: boolean;
  readonly #stop = new AbortController();
  #feed: RecordFeed | undefined;
  #done: Promise<void> = Promise.resolve();
  readonly #health: DeliveryHealth;
  #lastError: SinkState["lastError"] = null;

  constructor(options: SinkRunnerOptions, deps: SinkRunnerDeps) {
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
    this.#batches = "deliverBatch" in deps.sink;
    this.#health = new DeliveryHealth(options.name, deps);
    this.#deliverer = new Deliverer({
      ...deps,
      giveUpAfterMs: options.giveUpAfterMs,
      onFailure: this.#onFailure,
      pause: (...waiting) => this.#pause(...waiting),
    });
  }

  start(feed: RecordFeed): void {
    this.#feed = feed;
    this.#done = feed.run(this.handle, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  get state(): SinkState {
    const feed = this.#feed ?? NO_FEED;
    const partitions = feed.positions.map((position) => {
      const error = this.#health.reasonOf(position);
      return error === undefined ? position : { error, ...position };
    });
    const blockedReasons = [...feed.blockedReasons, ...this.#health.blockedReasons];
    const isKnown = feed.isAssigned && feed.notStarted === 0 && partitions.every(({ lag }) => lag !== null);
    return {
      name: this.name,
      type: this.#options.type,
      state: this.#stateName(feed, blockedReasons.length > 0),
      lag: isKnown ? partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0) : null,
      blocked: this.#health.blocked + feed.blocked,
      partitions,
      ...this.counts,
      lastError: errorOf(blockedReasons) ?? this.#lastError,
    };
  }

  /** Handles the first of the records and possibly more of them; see `RecordHandler`. */
  readonly handle: RecordHandler = async (records, stopping, cancel) => {
    try {
      const handled = await this.#handle(records, stopping, cancel);
      this.#health.onDone(records[0]);
      return handled;
    } catch (error) {
      this.#health.onAborted(records[0]);
      throw error;
    }
  };

  async #handle(...[records, stopping, cancel]: Parameters<RecordHandler>): Promise<number> {
    const passed = await this.#passed(records);
    const first = passed[0];
    if (!first || first.index > 0) {
      const skipped = first?.index ?? records.length;
      this.counts.skipped += skipped;
      return skipped;
    }
    if (first.fault !== undefined) {
      await this.#deadLetter(first.record, first.fault, 0, stopping);
      return 1;
    }
    const ready = passed.filter(({ fault }) => fault === undefined).map(({ record }) => record);
    const outcome = await this.#deliverer.deliver(ready, stopping, cancel);
    if ("givenUp" in outcome)
      await this.#deadLetter(first.record, outcome.givenUp.message, outcome.attempts, stopping);
    else {
      this.counts.delivered += outcome.delivered;
      this.#lastError = null;
      this.#health.onDelivered(first.record);
    }
    const done = "delivered" in outcome ? outcome.delivered : 1;
    // The records that the filter skipped before the next record count as handled.
    const next = passed[done]?.index ?? (this.#batches ? records.length : 1);
    this.counts.skipped += next - done;
    return next;
  }

  /**
   * Returns the first record that passes the filter or on which it fails. For a sink that delivers batches,
   * returns all records that pass, up to and including one on which the filter fails.
   */
  async #passed(records: readonly ConsumedRecord[]): Promise<Passed[]> {
    const passed: Passed[] = [];
    for (const [index, record] of records.entries()) {
      await yieldToEventLoop();
      const out = outgoingRecord(record);
      try {
        if (!(await this.#passes(out))) continue;
        passed.push({ index, record: out });
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        // If this is the first record, it becomes a dead letter. Otherwise, the batch ends before it.
        passed.push({ index, record: out, fault: `filter: ${error.message}` });
        break;
      }
      if (!this.#batches) break;
    }
    return passed;
  }

  async #passes({ parsed, ...record }: OutgoingRecord): Promise<boolean> {
    const { filter } = this.#options;
    return filter === undefined || filter.matches(parsed, bindingsOf(record));
  }

  readonly #onFailure = (
    { topic, partition, offset }: OutgoingRecord,
    { message, kind, cause }: DeliveryError,
    attempts: number,
    at: number,
  ): void => {
    this.counts.failed++;
    this.#lastError = { at: new Date(at).toISOString(), message };
    const fields = { sink: this.name, topic, partition, offset, attempts, reason: message };
    this.#deps.log.debug(cause === undefined ? fields : { ...fields, error: cause }, "delivery failed");
    if (kind === "answered" || kind === "away") this.#health.onFailure(fields, at);
  };

  /**
   * Retries until Kafka has written the dead letter. Until then, the partition does not proceed. A refusal that only an
   * operator can resolve blocks the partition, and is retried about once a minute.
   */
  async #deadLetter(
    record: ConsumedRecord,
    reason: string,
    attempts: number,
    stopping: AbortSignal,
  ): Promise<void> {
    const { deadLetter, clock, log } = this.#deps;
    const [backoff, slow] = [new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS), blockedBackoff()];
    const { topic, partition, offset } = record;
    const fields = { sink: this.name, topic, partition, offset };
    const lastError = this.#lastError;
    let level: "warn" | "debug" = "warn";
    for (;;) {
      try {
        await deadLetter(record, reason, attempts);
        this.counts.deadLettered++;
        this.#lastError = lastError;
        log.warn({ ...fields, attempts, reason }, "record became a dead letter");
        return;
      } catch (error) {
        const isPermanent = error instanceof OnrampError && error.known === "not written";
        const message = isPermanent
          ? `the dead letter of ${topic}/${partition}, offset ${offset}, cannot be written: ${messageOf(error)} The record was not delivered: ${reason}`
          : messageOf(error);
        const now = clock.now();
        this.#lastError = { at: new Date(now).toISOString(), message };
        if (isPermanent) {
          await this.#pause(slow.next(now), stopping, record, message);
          continue;
        }
        log[level]({ ...fields, reason: message }, "dead letter not written yet; Onramp retries");
        level = "debug";
        await this.#pause(backoff.next(now), stopping, record);
      }
    }
  }

  async #pause(ms: number, stopping: AbortSignal, record: ConsumedRecord, blocked?: string): Promise<void> {
    this.#health.onRetry(record, blocked);
    await this.#deps.clock.sleep(ms, stopping);
  }

  #stateName({ isAssigned, positions, notStarted }: FeedState, isBlocked: boolean): SinkState["state"] {
    if (this.#stop.signal.aborted) return "stopped";
    if (isBlocked) return "blocked";
    if (!isAssigned || (positions.length === 0 && notStarted > 0)) return "starting";
    return this.#health.isRetrying ? "retrying" : "running";
  }
}

type FeedState = Omit<RecordFeed, "run">;

/** The state of a runner whose records come from a replay. */
const NO_FEED: FeedState = { isAssigned: true, positions: [], notStarted: 0, blockedReasons: [], blocked: 0 };

function errorOf(blockedReasons: readonly BlockedReason[]): SinkState["lastError"] {
  const [first, ...others] = blockedReasons;
  if (!first) return null;
  const more = others.length === 0 ? "" : ` (and ${others.length} more; see partitions)`;
  return { at: new Date(first.since).toISOString(), message: `${first.message}${more}` };
}
