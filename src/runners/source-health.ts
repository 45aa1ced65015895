// The state of one source, for `/sources` and the metrics. Logs the first failure of each kind, and the recovery.

import type { Log } from "../core/ports.ts";
import type { SourceProgress } from "../core/source.ts";
import { type SourceStateName, withoutUrlSecrets } from "../core/source-state.ts";
import { isTime } from "../core/time.ts";

/** Counters of one source. */
export interface SourceCounts {
  records: number;
  deadLetters: number;
  skipped: number;
  commits: number;
  starts: number;
  losses: number;
}

/** Tracks the state of one source. Times are in milliseconds since 1970. */
export class SourceHealth {
  readonly counts: SourceCounts = {
    records: 0,
    deadLetters: 0,
    skipped: 0,
    commits: 0,
    starts: 0,
    losses: 0,
  };
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
  lastLoss: { readonly at: string; readonly message: string } | null = null;

  constructor(name: string, log: Log, now: () => number) {
    this.#name = name;
    this.#log = log;
    this.now = now;
    this.#since = now();
  }

  /** A failure remains the state until the source has recovered: a source that fails at once is not shown as running. */
  get state(): SourceStateName {
    return this.#reported ?? this.#state;
  }
  /** Whether the source waits for an assignment, or for the steps before it runs. */
  get isStarting(): boolean {
    return this.#state === "waiting" || this.#state === "starting";
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
    this.#change(() => {
      this.#retryAt = undefined;
      this.#state = state;
      if (state !== "waiting" && state !== "stopped") return;
      this.#progress = {};
      this.#reported = undefined;
      if (state === "waiting") this.lastError = null;
    });
  }

  /** Records a failure. @param retryAt when the source is started again; undefined: it is not */
  fail(state: "backing-off" | "blocked", message: string, retryAt: number | undefined): void {
    const isNew = this.#reported !== state;
    this.lastError = { at: new Date(this.now()).toISOString(), message };
    this.#change(() => {
      this.#retryAt = retryAt;
      this.#state = this.#reported = state;
    });
    if (!isNew) return;
    const fields = { source: this.#name, reason: message };
    if (state === "blocked")
      this.#log.warn(fields, "source is blocked; Onramp tries it again about once a minute");
    else this.#log.warn(fields, "source failed; Onramp starts it again");
  }

  /** Called for every batch and report of the source. */
  alive(progress: SourceProgress = {}): void {
    this.aliveAt = this.now();
    for (const [name, value] of Object.entries(progress)) {
      if (name === "details" || name === "gauges") {
        this.#progress = { ...this.#progress, [name]: value };
        continue;
      }
      // Sources compute these from what they read, such as differences of bigints.
      const number = typeof value === "bigint" ? Number(value) : value;
      const isUsable = Number.isFinite(number) && (name !== "nextRunAt" || isTime(number));
      this.#progress = { ...this.#progress, [name]: isUsable ? number : undefined };
    }
  }

  /** Reports that events were lost before the source could read them. @param message what is known about them */
  reportLoss(message: string): void {
    const reason = withoutUrlSecrets(message);
    this.lastLoss = { at: new Date(this.now()).toISOString(), message: reason };
    this.counts.losses++;
    this.#log.warn(
      { source: this.#name, reason },
      "events of the other system were lost before the source read them",
    );
  }

  /** Called after each commit, and after each confirmation that a running source is still owned. */
  succeed(): void {
    this.lastError = null;
    if (this.#reported === undefined) return;
    this.#log.info({ source: this.#name }, "source runs again");
    this.#change(() => {
      this.#reported = undefined;
    });
  }

  #change(change: () => void): void {
    const before = this.state;
    change();
    if (this.state === before) return;
    this.#since = this.now();
    this.#log.debug({ source: this.#name, state: this.state }, "source changed its state");
  }
}
