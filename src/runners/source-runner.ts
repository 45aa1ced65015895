// Runs one source: while its state partition is assigned to this process, a `SourceOwner` does the work.

import { reasonOf } from "../core/errors.ts";
import type { BlockedReason } from "../core/ports.ts";
import type { SourceGauge } from "../core/source.ts";
import { type SourceState, type SourceSummary, withoutSecretsInside } from "../core/source-state.ts";
import { isTime } from "../core/time.ts";
import { SourceCommitter, type SourceCommitterOptions } from "./source-committer.ts";
import { SourceHealth } from "./source-health.ts";
import { SourceOwner, type SourceOwnerDeps } from "./source-owner.ts";
import type { PartitionTakeover } from "./source-takeover.ts";

export type SourceRunnerDeps = Omit<SourceOwnerDeps, "committer" | "health">;

/** Runs one source, and provides its state. */
export class SourceRunner {
  readonly name: string;
  readonly partition: number;
  readonly #type: string;
  readonly #options: SourceCommitterOptions;
  readonly #deps: SourceOwnerDeps;
  readonly #stop = new AbortController();
  #owner: SourceOwner | undefined;
  #owned: Promise<void> = Promise.resolve();

  constructor(options: SourceCommitterOptions, deps: SourceRunnerDeps) {
    this.name = options.name;
    this.partition = options.partition;
    this.#type = options.type;
    this.#options = options;
    const health = new SourceHealth(options.name, deps.log, deps.clock.now);
    this.#deps = { ...deps, health, committer: new SourceCommitter(options, deps, health) };
  }

  /** The state without the parts that take time to create. */
  get summary(): SourceSummary {
    const { health } = this.#deps;
    const { state, since, progress, counts, lastCommitAt, aliveAt, nextRunAt } = health;
    const fault = this.#groupFault;
    return {
      name: this.name,
      type: this.#type,
      state: fault ? "blocked" : state,
      since: new Date(fault?.since ?? since).toISOString(),
      lag: progress.lag ?? null,
      lastCommit: timeOf(lastCommitAt),
      lastAlive: timeOf(aliveAt),
      nextRun: timeOf(nextRunAt),
      quotaRemaining: progress.quotaRemaining ?? null,
      itemsRemaining: progress.itemsRemaining ?? null,
      gauges: progress.gauges,
      ...counts,
    };
  }

  get gauges(): readonly SourceGauge[] {
    return this.#deps.source.gauges ?? [];
  }

  get state(): SourceState {
    const fault = this.#groupFault;
    const lastError = fault && { at: new Date(fault.since).toISOString(), message: fault.message };
    const { gauges: _, ...summary } = this.summary;
    return {
      ...summary,
      cursor: withoutSecretsInside(this.#shown(this.#owner?.cursor)) ?? null,
      lastError: lastError ?? this.#deps.health.lastError,
      lastLoss: this.#deps.health.lastLoss,
      details: withoutSecretsInside(this.#deps.health.progress.details) ?? null,
    };
  }

  #shown(cursor: unknown): unknown {
    const { source } = this.#deps;
    return cursor === undefined ? undefined : (source.shown?.(cursor) ?? cursor);
  }

  /** While the source waits for the group, a fault of the group is the reason why it does not run. */
  get #groupFault(): BlockedReason | undefined {
    const { health, ownership } = this.#deps;
    return health.isStarting ? ownership.fault : undefined;
  }

  /** Called when the partition of the source is assigned to this process. @param revoked aborted when it no longer is */
  onAssigned(takeover: PartitionTakeover, revoked: AbortSignal): void {
    const ended = AbortSignal.any([revoked, this.#stop.signal]);
    // The previous owner may still be ending its generator.
    this.#owned = this.#owned.then(() => this.#runOwner(takeover, ended));
  }

  /** Ends the source, after the commit in flight. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#owned;
    this.#deps.health.enter("stopped");
    this.#deps.transactions.close();
  }

  async #runOwner(takeover: PartitionTakeover, ended: AbortSignal): Promise<void> {
    const { health, log } = this.#deps;
    this.#owner = new SourceOwner(this.#options, this.#deps, takeover, ended);
    try {
      await this.#owner.run();
      health.enter(this.#stop.signal.aborted ? "stopped" : "waiting");
    } catch (error) {
      log.error({ source: this.name, error }, "source stopped unexpectedly");
      const message = `Unexpected error: ${reasonOf(error)}. The source does not continue on this replica: restart the replica.`;
      health.fail("blocked", message, undefined);
    }
    this.#owner = undefined;
  }
}

const timeOf = (at: number | undefined): string | null =>
  at !== undefined && isTime(at) ? new Date(at).toISOString() : null;
