// Pulls batches from the generator of a source, and notices a generator that hangs, ends, or yields without progress.

import {
  type Batch,
  type ReportProgress,
  type Source,
  SourceError,
  type SourceProgress,
  type TopicRecords,
} from "../core/source.ts";
import { untilAborted, untilDeadline } from "../core/time.ts";
import type { SourceHealth } from "./source-health.ts";

/** The default of `Source.maxSilenceMs`. */
const SILENCE_MS = 60_000;
/** How often the owner of a source that yields nothing asks whether it still owns it, in milliseconds. */
const CHECK_MS = 10_000;
/** How long a generator may take to end, in milliseconds. */
const MAX_END_MS = 5000;
const TIMED_OUT = Symbol("timed out");

/** One run of the generator of a source. */
export class SourcePull {
  readonly #source: Source;
  readonly #health: SourceHealth;
  readonly #check: () => Promise<void>;
  readonly #ending = new AbortController();
  readonly #iterator: AsyncIterator<Batch<unknown>>;
  /** The start of the silence (`Date.now`, not the clock of tests): the last sign of life, or `nextRunAt` if that is later. */
  #silentFrom = 0;

  /**
   * @param check called at least every 10 s while the source yields nothing; throws when this process may not own the source
   * @param ended aborted when the source must end
   */
  constructor(
    source: Source,
    cursor: unknown,
    health: SourceHealth,
    check: () => Promise<void>,
    ended: AbortSignal,
    records: TopicRecords,
  ) {
    this.#source = source;
    this.#health = health;
    this.#check = check;
    const signal = AbortSignal.any([ended, this.#ending.signal]);
    const report: ReportProgress = (progress) => {
      if (!signal.aborted) this.#alive(progress);
    };
    this.#alive();
    const batches: unknown = source.run(cursor, signal, report, records);
    if (!isAsyncIterable(batches)) {
      // A promise that is rejected and not handled would end the process.
      if (batches instanceof Promise) batches.catch(() => {});
      throw new SourceError(
        "passing",
        "run did not return an async generator; report this bug to the author of the source",
      );
    }
    this.#iterator = batches[Symbol.asyncIterator]();
  }

  /** @throws SourceError when the source hangs or ends; what the source or `check` throws; the reason of `ended` */
  async next(ended: AbortSignal): Promise<Batch<unknown>> {
    const pulled = this.#iterator.next();
    pulled.catch(() => {});
    for (;;) {
      const result = await untilAborted(this.#orTimeout(pulled), ended);
      if (result !== TIMED_OUT) {
        this.#alive();
        if (result.done)
          throw new SourceError("passing", "the source ended; a source must yield batches without end");
        return result.value;
      }
      this.#requireAlive();
      await this.#check();
      this.#health.succeed();
    }
  }

  /** Ends the generator. One that does not end is abandoned after 5 seconds. */
  async end(): Promise<void> {
    this.#ending.abort();
    const ended = (async () => this.#iterator.return?.())();
    await untilDeadline(ended, Date.now() + MAX_END_MS, "the source does not end").catch(() => {});
  }

  async #orTimeout<T>(pulled: Promise<T>): Promise<T | typeof TIMED_OUT> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<typeof TIMED_OUT>((resolve) => {
      timer = setTimeout(() => resolve(TIMED_OUT), Math.min(CHECK_MS, this.#silenceMs));
    });
    return Promise.race([pulled, late]).finally(() => clearTimeout(timer));
  }

  get #silenceMs(): number {
    return this.#source.maxSilenceMs ?? SILENCE_MS;
  }

  #alive(progress?: SourceProgress): void {
    this.#health.alive(progress);
    const { nextRunAt } = this.#health.progress;
    const waitMs = nextRunAt === undefined ? 0 : Math.max(0, nextRunAt - this.#health.now());
    this.#silentFrom = Date.now() + waitMs;
  }

  #requireAlive(): void {
    const silentMs = Date.now() - this.#silentFrom;
    if (silentMs < this.#silenceMs) return;
    throw new SourceError(
      "passing",
      `the source hangs: it has not yielded a batch or reported progress for ${Math.round(silentMs / 1000)} s. Onramp starts it again from its last cursor`,
    );
  }
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<Batch<unknown>> =>
  typeof (value as Partial<AsyncIterable<unknown>> | undefined)?.[Symbol.asyncIterator] === "function";
