// The state of one source, for `/sources` and the metrics. Logs the first failure of each kind, and the recovery.

import type { Log } from "../core/ports.ts";
import type { SourceProgress } from "../core/source.ts";
import type { SourceStateName } from "../core/source-state.ts";

/** Counters of one source. */
export interface SourceCounts {
  records: number;
  deadLetters: number;
  skipped: number;
  commits: number;
  starts: number;
}

/** Tracks the state of one source. Times are in milliseconds since 1970. */
export class SourceHealth {
  readonly counts: SourceCounts = { records: 0, deadLetters: 0, skipped: 0, commits: 0, starts: 0 };
  readonly #name: string;
  readonly #log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  #state: SourceStateName = "waiting";
  #since: number;
  /** The failure that was logged last; undefined after a recovery. */
  #reported: SourceStateName | undefined;
  #progress: SourceProgress = {};
  #retryAt: number | undefined;
  lastCommitAt: number | undefined;
  aliveAt: number | undefined;
  lastError: { readonly at: string; readonly message: string } | null = null;

  constructor(name: string, log: Log, now: () => number) {
    this.#name = name;
    this.#log = log;
    this.now = now;
    this.#since = now();
  }

  get state(): SourceStateName {
    return this.#state;
  }
  get since(): number {
    return this.#since;
  }
  get progress(): SourceProgress {
    return this.#progress;
  }
  /** When the source will next do something, or is started again; undefined if it is not known. */
  get nextRunAt(): number | undefined {
    return this.#retryAt ?? this.#progress.nextRunAt;
  }

  /** Sets the state. A logged failure stays open until the source commits again, or this process no longer owns it. */
  enter(state: SourceStateName): void {
    this.#retryAt = undefined;
    if (state === "waiting" || state === "stopped") {
      this.#progress = {};
      this.#reported = undefined;
      if (state === "waiting") this.lastError = null;
    }
    this.#change(state);
  }

  /** Records a failure. @param retryAt when the source is started again; undefined: it is not */
  fail(state: "backing-off" | "blocked", message: string, retryAt: number | undefined): void {
    this.lastError = { at: new Date(this.now()).toISOString(), message };
    this.#retryAt = retryAt;
    this.#change(state);
    if (this.#reported === state) return;
    this.#reported = state;
    const fields = { source: this.#name, reason: message };
    if (state === "blocked")
      this.#log.warn(fields, "source is blocked; Onramp tries it again about once a minute");
    else this.#log.warn(fields, "source failed; Onramp starts it again");
  }

  /** Called for every batch and report of the source. */
  alive(progress: SourceProgress = {}): void {
    this.aliveAt = this.now();
    this.#progress = { ...this.#progress, ...progress };
  }

  /** Called after each commit. */
  succeed(): void {
    this.lastError = null;
    if (this.#reported !== undefined) this.#log.info({ source: this.#name }, "source runs again");
    this.#reported = undefined;
  }

  #change(state: SourceStateName): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#since = this.now();
    this.#log.debug({ source: this.#name, state }, "source changed its state");
  }
}
