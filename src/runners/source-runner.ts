// Runs one source while this process owns it: takes over, reads the cursor, commits the batches, and starts the source again
// after a failure. Depends neither on Kafka nor on the system that the source reads.

import { messageOf, OnrampError } from "../core/errors.ts";
import { type Source, SourceError } from "../core/source.ts";
import { OwnerUnclear, type SourceOwnership, type StateReader } from "../core/source-ports.ts";
import { cursorFor, decodeState, type SourceState, withoutUrlSecrets } from "../core/source-state.ts";
import type { Clock } from "../core/time.ts";
import {
  CommitFailed,
  SourceCommitter,
  type SourceCommitterDeps,
  type SourceCommitterOptions,
} from "./source-committer.ts";
import { SourceHealth } from "./source-health.ts";
import { SourcePull } from "./source-pull.ts";
import type { PartitionTakeover, States } from "./source-takeover.ts";
import { Waits } from "./source-waits.ts";

/** How long an answer about the owner is valid, in milliseconds. */
const CONFIRMED_MS = 1000;

export interface SourceRunnerDeps extends SourceCommitterDeps {
  readonly source: Source;
  readonly reader: StateReader;
  readonly ownership: Pick<SourceOwnership, "isOwner" | "fault">;
  readonly clock: Clock;
}

/** What the owner does next. */
type Step = "take over" | "recover" | "read the cursor" | "run";

/** Another process owns the source, or soon will. */
class NotOwner extends Error {
  override readonly name = "NotOwner";
}

/** Runs one source, and tracks its state. */
export class SourceRunner {
  readonly name: string;
  readonly partition: number;
  readonly #options: SourceCommitterOptions;
  readonly #deps: SourceRunnerDeps;
  readonly #health: SourceHealth;
  readonly #committer: SourceCommitter;
  readonly #stop = new AbortController();
  #owned: Promise<void> = Promise.resolve();
  /** The last committed cursor, and its offset in the state topic. */
  #cursor: unknown;
  #cursorOffset: number | undefined;
  #confirmedAt = 0;

  constructor(options: SourceCommitterOptions, deps: SourceRunnerDeps) {
    this.name = options.name;
    this.partition = options.partition;
    this.#options = options;
    this.#deps = deps;
    this.#health = new SourceHealth(options.name, deps.log, deps.clock.now);
    this.#committer = new SourceCommitter(options, deps, this.#health);
  }

  get state(): SourceState {
    const { state, since, progress, counts, lastCommitAt, aliveAt, nextRunAt, lastError } = this.#health;
    const { fault } = this.#deps.ownership;
    const isUnassigned = (state === "waiting" || state === "starting") && fault !== undefined;
    const timeOf = (at: number | undefined): string | null =>
      at === undefined ? null : new Date(at).toISOString();
    return withoutUrlSecrets({
      name: this.name,
      type: this.#options.type,
      state: isUnassigned ? "blocked" : state,
      since: new Date(isUnassigned ? fault.since : since).toISOString(),
      cursor: this.#cursor ?? null,
      lag: progress.lag ?? null,
      lastCommit: timeOf(lastCommitAt),
      lastAlive: timeOf(aliveAt),
      nextRun: timeOf(nextRunAt),
      quotaRemaining: progress.quotaRemaining ?? null,
      ...counts,
      lastError: isUnassigned
        ? { at: new Date(fault.since).toISOString(), message: fault.message }
        : lastError,
    });
  }

  /** Called when the partition of the source is assigned to this process. @param revoked aborted when it no longer is */
  own(takeover: PartitionTakeover, revoked: AbortSignal): void {
    const ended = AbortSignal.any([revoked, this.#stop.signal]);
    // An earlier run may still end its generator.
    this.#owned = this.#owned.then(() => this.#own(takeover, ended));
  }

  /** Ends the source; a commit in flight ends first. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#owned;
    this.#health.enter("stopped");
    this.#deps.transactions.close();
  }

  async #own(takeover: PartitionTakeover, ended: AbortSignal): Promise<void> {
    const waits = new Waits(() => this.#deps.clock.now());
    // Until this source has read its cursor, or failed: the sources of a partition read it together.
    let shared: PartitionTakeover | undefined = takeover;
    let step: Step = "take over";
    // Another owner may have written states that compaction has removed since.
    let readAll = true;
    this.#cursor = this.#cursorOffset = undefined;
    while (!ended.aborted) {
      try {
        if (step === "take over") {
          this.#health.enter("starting");
          await this.#deps.transactions.takeOver(() => this.#confirm(ended), ended);
          readAll = true;
          step = "read the cursor";
        } else if (step === "recover") {
          await this.#recover(ended);
          step = "read the cursor";
        }
        if (step === "read the cursor") {
          this.#health.enter("starting");
          const reading: Promise<States> = shared?.states(ended) ?? this.#read(readAll, ended);
          shared = undefined;
          this.#setCursor(await reading, readAll);
          readAll = false;
          step = "run";
        }
        await this.#run(ended, () => waits.reset());
      } catch (error) {
        shared?.arrive();
        shared = undefined;
        if (ended.aborted) break;
        step = await this.#stepAfter(error, step, ended);
        if (ended.aborted) break;
        await this.#pause(error, waits, ended);
      }
    }
    shared?.arrive();
    this.#health.enter(this.#stop.signal.aborted ? "stopped" : "waiting");
    this.#cursor = undefined;
  }

  #read(all: boolean, ended: AbortSignal): Promise<States> {
    const from = all || this.#cursorOffset === undefined ? undefined : this.#cursorOffset + 1;
    return this.#deps.reader.read(this.partition, from, ended);
  }

  /** Starts the source, and commits its batches until it fails or must end. */
  async #run(ended: AbortSignal, onCommit: () => void): Promise<void> {
    const { source, transactions, clock } = this.#deps;
    const check = (): Promise<void> =>
      transactions.check().catch((error: unknown) => {
        throw new CommitFailed(error);
      });
    this.#committer.begin(this.#cursor);
    this.#health.counts.starts++;
    const pull = new SourcePull(source, this.#cursor, this.#health, check, ended);
    this.#health.enter("running");
    try {
      for (;;) {
        const batch = await pull.next(ended);
        const offset = await this.#committer.commit(batch);
        if (offset === undefined) continue;
        this.#cursor = batch.cursor;
        this.#cursorOffset = offset;
        this.#health.lastCommitAt = clock.now();
        this.#health.succeed();
        onCommit();
      }
    } finally {
      await pull.end();
    }
  }

  /** Decides what to do after a failure. An open transaction is ended at once, since it delays the readers of its topics. */
  async #stepAfter(error: unknown, step: Step, ended: AbortSignal): Promise<Step> {
    if (error instanceof OwnerUnclear || (error instanceof CommitFailed && error.isOwnerUnclear)) {
      this.#confirmedAt = 0;
      // In a rebalance, the next owner may fence this process before it learns that the partition is revoked.
      await this.#confirm(ended).catch(() => {});
      return "take over";
    }
    if (!(error instanceof CommitFailed)) return step;
    try {
      this.#health.enter("starting");
      await this.#recover(ended);
      return "read the cursor";
    } catch (failure) {
      return failure instanceof OwnerUnclear ? this.#stepAfter(failure, step, ended) : "recover";
    }
  }

  /** Kafka aborts an open transaction of the next owner also for a request with an earlier epoch: so a heartbeat comes first. */
  async #recover(ended: AbortSignal): Promise<void> {
    this.#confirmedAt = 0;
    await this.#deps.transactions.recover(() => this.#confirm(ended), ended);
  }

  async #pause(error: unknown, waits: Waits, ended: AbortSignal): Promise<void> {
    const isSource = error instanceof SourceError;
    const isBlocked = isSource
      ? error.kind === "blocked"
      : error instanceof CommitFailed
        ? error.isBlocked
        : error instanceof OnrampError && error.known === "not written";
    const isLost = !isSource && !isBlocked && isTransactional(error);
    const wait = waits.next(
      isBlocked ? "blocked" : isLost ? "lost" : "passing",
      isSource ? error.retryAfterMs : 0,
    );
    const message = withoutUrlSecrets(messageOf(error));
    this.#health.fail(isBlocked ? "blocked" : "backing-off", message, this.#deps.clock.now() + wait);
    this.#deps.log.debug({ source: this.name, error, wait }, "source failed");
    await this.#deps.clock.sleep(wait, ended).catch(() => {});
  }

  /** @throws NotOwner when the partition is not assigned to this process any more */
  async #confirm(ended: AbortSignal): Promise<void> {
    if (Date.now() - this.#confirmedAt < CONFIRMED_MS) return;
    if (!(await this.#deps.ownership.isOwner(this.partition, ended)))
      throw new NotOwner("the source is assigned to another process");
    this.#confirmedAt = Date.now();
  }

  /** Takes the cursor from states that were read. @param all whether they are all states, and not only later ones */
  #setCursor(states: States, all: boolean): void {
    const stored = states.get(this.name);
    if (!stored) {
      if (all) this.#cursor = this.#cursorOffset = undefined;
      return;
    }
    const { name, type, cursorVersion } = this.#options;
    this.#cursor =
      stored.value === null
        ? undefined
        : cursorFor({ name, type, cursorVersion }, decodeState(name, stored.value));
    this.#cursorOffset = stored.offset;
  }
}

/** Whether a failure concerns the transaction or the owner, and not the source. */
const isTransactional = (error: unknown): boolean =>
  error instanceof CommitFailed || error instanceof OwnerUnclear || error instanceof NotOwner;
