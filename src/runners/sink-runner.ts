// Runs one sink: filters, delivers record by record, waits and tries again, and gives up where that is right. What
// can't be delivered becomes a dead letter; nothing is dropped. Knows neither Kafka nor the sink's receiver.

import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { type Expression, ExpressionError } from "../core/expressions.ts";
import type { ConsumedRecord, Log, RecordFeed, RecordHandler } from "../core/ports.ts";
import { type Attempt, bindingsOf, DeliveryError, type OutgoingRecord, type Sink } from "../core/sink.ts";
import type { SinkCounts, SinkState } from "../core/sink-state.ts";
import { outgoing } from "./outgoing-record.ts";
import type { Turns } from "./rate-limiter.ts";

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MOST_MS = 60_000;

export interface SinkRunnerOptions {
  readonly name: string;
  readonly type: string;
  /** Records for which it is not true are passed over. */
  readonly filter: Expression | undefined;
  /** How long a record is tried while its receiver answers, in milliseconds. */
  readonly giveUpAfterMs: number;
}

export interface SinkRunnerDeps {
  readonly sink: Sink;
  /** Writes a dead letter, and resolves when Kafka has it. @throws OnrampError */
  readonly bury: (record: ConsumedRecord, reason: string, attempts: number) => Promise<void>;
  /** Shared by all sinks of the process. */
  readonly turns: Turns;
  readonly clock: Clock;
  readonly log: Log;
}

/** One sink and the records on their way to it. */
export class SinkRunner {
  readonly name: string;
  readonly counts: SinkCounts = { delivered: 0, failed: 0, deadLettered: 0, skipped: 0 };
  readonly #options: SinkRunnerOptions;
  readonly #deps: SinkRunnerDeps;
  readonly #stop = new AbortController();
  #feed: RecordFeed | undefined;
  #done: Promise<void> = Promise.resolve();
  #retrying = 0;
  #lastError: SinkState["lastError"] = null;
  /** What was spent on the record in hand, by partition: a rebalance in between gives it no more. */
  readonly #spent = new Map<string, { readonly offset: number; readonly ms: number }>();

  constructor(options: SinkRunnerOptions, deps: SinkRunnerDeps) {
    this.name = options.name;
    this.#options = options;
    this.#deps = deps;
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
    const partitions = this.#feed?.positions ?? [];
    const trouble = this.#feed?.trouble;
    return {
      name: this.name,
      type: this.#options.type,
      state: this.#stateName(trouble),
      lag: partitions.reduce((sum, { lag = 0 }) => sum + lag, 0),
      partitions,
      ...this.counts,
      lastError: this.#lastError ?? (trouble ? { at: new Date().toISOString(), message: trouble } : null),
    };
  }

  /** Takes the records that are done with: see `RecordHandler`. */
  readonly handle: RecordHandler = async (records, ending, signal) => {
    const passed = await this.#passing(records);
    const first = passed[0];
    if (!first || first.index > 0) {
      const skipped = first?.index ?? records.length;
      this.counts.skipped += skipped;
      return skipped;
    }
    if (first.fault !== undefined) {
      await this.#bury(first.record, first.fault, 0, ending);
      return 1;
    }
    const ready = passed.filter(({ fault }) => fault === undefined).map(({ record }) => record);
    const delivered = await this.#deliver(ready, ending, signal);
    // Those that the filter passed over between them are done with as well.
    const next = passed[delivered]?.index ?? (this.#deps.sink.folds ? records.length : 1);
    this.counts.skipped += next - delivered;
    return next;
  };

  /** The first record that passes the filter, and, for a sink that folds, those behind it up to one that can't be filtered. */
  async #passing(records: readonly ConsumedRecord[]) {
    const passed: { index: number; record: OutgoingRecord; fault?: string }[] = [];
    for (const [index, record] of records.entries()) {
      const out = outgoing(record);
      try {
        if (!(await this.#passes(out))) continue;
        passed.push({ index, record: out });
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        // In front it is buried; behind, it ends what may be folded.
        passed.push({ index, record: out, fault: `filter: ${error.message}` });
        break;
      }
      if (!this.#deps.sink.folds) break;
    }
    return passed;
  }

  async #passes({ parsed, ...record }: OutgoingRecord): Promise<boolean> {
    const { filter } = this.#options;
    return filter === undefined || (await filter.evaluate(parsed, bindingsOf(record))) === true;
  }

  async #deliver(
    records: readonly OutgoingRecord[],
    ending: AbortSignal,
    signal: AbortSignal,
  ): Promise<number> {
    const { sink, turns, clock, log } = this.#deps;
    const record = records[0] as OutgoingRecord;
    const backoff = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    let channel: string | undefined;
    let began = 0;
    const attempt: Attempt = {
      signal,
      async turn(name, perSecond = Number.POSITIVE_INFINITY) {
        channel = name;
        await turns.take(name, perSecond, ending);
        began = clock.now();
      },
    };
    // What counts against the budget: attempts that were answered, and the pauses behind them; no turn's waiting.
    const { topic, partition, offset } = record;
    const place = `${topic}/${partition}`;
    const before = this.#spent.get(place);
    let [spent, paused] = [before?.offset === offset ? before.ms : 0, 0];
    for (let attempts = 1; ; attempts++) {
      ending.throwIfAborted();
      began = clock.now();
      try {
        const delivered = await sink.deliver(records, attempt);
        this.counts.delivered += delivered;
        this.#lastError = null;
        return delivered;
      } catch (thrown) {
        // Interrupted, not failed.
        if (ending.aborted && !(thrown instanceof DeliveryError)) throw thrown;
        const { kind, message, retryAfterMs = 0 } = asDeliveryError(thrown);
        const now = clock.now();
        this.counts.failed++;
        this.#lastError = { at: new Date(now).toISOString(), message };
        if (kind === "answered") spent += paused + now - began;
        this.#spent.set(place, { offset, ms: spent });
        log.debug(
          { sink: this.name, topic, partition, offset, attempts, reason: message },
          "delivery failed",
        );
        if (kind === "permanent" || spent >= this.#options.giveUpAfterMs) {
          await this.#bury(record, message, attempts, ending);
          return 1;
        }
        if (kind === "away" && channel !== undefined && retryAfterMs > 0) turns.hold(channel, retryAfterMs);
        const pause = Math.max(backoff.failed(now), retryAfterMs);
        paused = kind === "answered" ? pause : 0;
        await this.#pause(pause, ending);
      }
    }
  }

  /** Until Kafka has it: a record that can be neither delivered nor buried holds its partition. */
  async #bury(record: ConsumedRecord, reason: string, attempts: number, ending: AbortSignal): Promise<void> {
    const { bury, clock, log } = this.#deps;
    const backoff = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    const { topic, partition, offset } = record;
    for (;;) {
      try {
        await bury(record, reason, attempts);
        this.counts.deadLettered++;
        log.warn(
          { sink: this.name, topic, partition, offset, attempts, reason },
          "record became a dead letter",
        );
        return;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#lastError = { at: new Date(clock.now()).toISOString(), message };
        log.warn(
          { sink: this.name, topic, partition, offset, reason: message },
          "dead letter not written yet",
        );
        await this.#pause(backoff.failed(clock.now()), ending);
      }
    }
  }

  async #pause(ms: number, ending: AbortSignal): Promise<void> {
    this.#retrying++;
    try {
      await this.#deps.clock.sleep(ms, ending);
    } finally {
      this.#retrying--;
    }
  }

  #stateName(trouble: string | undefined): SinkState["state"] {
    if (this.#stop.signal.aborted) return "stopped";
    if (trouble !== undefined && this.#feed?.positions.length === 0) return "starting";
    return this.#retrying > 0 ? "retrying" : "running";
  }
}

/** What nobody foresaw fails again in the same way. */
function asDeliveryError(thrown: unknown): DeliveryError {
  if (thrown instanceof DeliveryError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DeliveryError("permanent", message, { cause: thrown });
}
