// What the owner of a source does, from the assignment of its state partition to this process until it is revoked: takes over,
// reads the cursor, commits the batches, and starts the source again after a failure.

import { messageOf, OnrampError } from "../core/errors.ts";
import { type Source, SourceError } from "../core/source.ts";
import { OwnerUnclear, type SourceOwnership, type StateReader } from "../core/source-ports.ts";
import { cursorFor, decodeState, withoutUrlSecrets } from "../core/source-state.ts";
import { type Clock, untilAborted } from "../core/time.ts";
import {
  CommitFailed,
  type SourceCommitter,
  type SourceCommitterDeps,
  type SourceCommitterOptions,
} from "./source-committer.ts";
import type { SourceHealth } from "./source-health.ts";
import { SourcePull } from "./source-pull.ts";
import type { PartitionTakeover, States } from "./source-takeover.ts";
import { type WaitKind, Waits } from "./source-waits.ts";

/** How long an answer of the group about the owner is valid, in milliseconds. */
const CONFIRMED_MS = 1000;

export interface SourceOwnerDeps extends SourceCommitterDeps {
  readonly source: Source;
  readonly reader: StateReader;
  readonly ownership: Pick<SourceOwnership, "isOwner" | "fault">;
  readonly committer: SourceCommitter;
  readonly health: SourceHealth;
  readonly clock: Clock;
}

/** What the owner does next. */
type Step = "take over" | "recover" | "read the cursor" | "run";

/** The state partition is assigned to another process. */
class NotOwner extends Error {
  override readonly name = "NotOwner";
}

/** One time in which this process owns a source. `run` is called once. */
export class SourceOwner {
  readonly #options: SourceCommitterOptions;
  readonly #deps: SourceOwnerDeps;
  readonly #ended: AbortSignal;
  readonly #waits: Waits;
  /** Undefined when this source has read its cursor, or has failed: the sources of a partition read it together. */
  #takeover: PartitionTakeover | undefined;
  #step: Step = "take over";
  /** The last committed cursor, and its offset in the state topic. */
  #cursor: unknown;
  #cursorOffset: number | undefined;
  /** Whether the whole partition is read: another owner may have written states that compaction has removed since. */
  #readAll = true;
  #confirmedAt = 0;

  /** @param ended aborted when the partition is revoked, or the process stops */
  constructor(
    options: SourceCommitterOptions,
    deps: SourceOwnerDeps,
    takeover: PartitionTakeover,
    ended: AbortSignal,
  ) {
    this.#options = options;
    this.#deps = deps;
    this.#takeover = takeover;
    this.#ended = ended;
    this.#waits = new Waits(deps.clock.now);
  }

  get cursor(): unknown {
    return this.#cursor;
  }

  /** Runs the source until `ended` is aborted. Retries after every error. */
  async run(): Promise<void> {
    while (!this.#ended.aborted) {
      try {
        await this.#prepare();
        await this.#runSource();
      } catch (error) {
        this.#leaveTakeover();
        if (this.#ended.aborted) break;
        this.#step = await this.#stepAfter(error);
        if (this.#ended.aborted) break;
        await this.#pause(error);
      }
    }
    this.#leaveTakeover();
  }

  /** Does the steps that come before the source can run. */
  async #prepare(): Promise<void> {
    const { transactions, health } = this.#deps;
    if (this.#step === "run") return;
    health.enter("starting");
    if (this.#step === "take over") {
      await untilAborted(transactions.takeOver(this.#confirm, this.#ended), this.#ended);
      this.#readAll = true;
    } else if (this.#step === "recover") await this.#recover();
    this.#step = "read the cursor";
    const reading = this.#takeover?.states(this.#ended) ?? this.#read();
    this.#takeover = undefined;
    this.#setCursor(await reading);
    this.#step = "run";
  }

  #read(): Promise<States> {
    const from = this.#readAll || this.#cursorOffset === undefined ? undefined : this.#cursorOffset + 1;
    return this.#deps.reader.read(this.#options.partition, from, this.#ended);
  }

  /** Takes the cursor from states that were read: all of them, or those after the known one. */
  #setCursor(states: States): void {
    const { name, type, cursorVersion } = this.#options;
    const stored = states.get(name);
    if (stored) {
      const { value, offset } = stored;
      const state = value === null ? undefined : decodeState(name, value);
      this.#cursor = state && cursorFor({ name, type, cursorVersion }, state);
      this.#cursorOffset = offset;
    } else if (this.#readAll) this.#cursor = this.#cursorOffset = undefined;
    this.#readAll = false;
  }

  /** Starts the source, and commits its batches until it fails or must end. */
  async #runSource(): Promise<void> {
    const { source, transactions, committer, health, clock } = this.#deps;
    const check = (): Promise<void> =>
      transactions.check().catch((error: unknown) => {
        throw new CommitFailed(error);
      });
    committer.begin(this.#cursor);
    health.counts.starts++;
    const pull = new SourcePull(source, this.#cursor, health, check, this.#ended);
    health.enter("running");
    try {
      for (;;) {
        const batch = await pull.next(this.#ended);
        const offset = await committer.commit(batch);
        if (offset === undefined) continue;
        this.#cursor = batch.cursor;
        this.#cursorOffset = offset;
        health.lastCommitAt = clock.now();
        health.succeed();
        this.#waits.reset();
      }
    } finally {
      await pull.end();
    }
  }

  /** Decides what to do after a failure. An open transaction is ended at once, since it delays the readers of its topics. */
  async #stepAfter(error: unknown): Promise<Step> {
    if (error instanceof OwnerUnclear || (error instanceof CommitFailed && error.isOwnerUnclear)) {
      this.#confirmedAt = 0;
      // In a rebalance, the next owner may fence this process before it learns that the partition is revoked.
      await this.#confirm().catch(() => {});
      return "take over";
    }
    if (!(error instanceof CommitFailed)) return this.#step;
    this.#deps.health.enter("starting");
    try {
      await this.#recover();
      return "read the cursor";
    } catch (failure) {
      return failure instanceof OwnerUnclear ? this.#stepAfter(failure) : "recover";
    }
  }

  /** Kafka aborts an open transaction of the next owner also for a request with an earlier epoch: so a heartbeat comes first. */
  #recover(): Promise<void> {
    this.#confirmedAt = 0;
    return untilAborted(this.#deps.transactions.recover(this.#confirm, this.#ended), this.#ended);
  }

  /** @throws NotOwner when the partition is not assigned to this process any more */
  readonly #confirm = async (): Promise<void> => {
    if (Date.now() - this.#confirmedAt < CONFIRMED_MS) return;
    if (!(await this.#deps.ownership.isOwner(this.#options.partition, this.#ended)))
      throw new NotOwner("the source is assigned to another process");
    this.#confirmedAt = Date.now();
  };

  async #pause(error: unknown): Promise<void> {
    const { health, clock, log } = this.#deps;
    const { name } = this.#options;
    const kind = kindOf(error);
    const wait = this.#waits.next(kind, error instanceof SourceError ? error.retryAfterMs : 0);
    const state = kind === "blocked" ? "blocked" : "backing-off";
    health.fail(state, withoutUrlSecrets(messageOf(error)), clock.now() + wait);
    log.debug({ source: name, error, wait }, "source failed");
    await clock.sleep(wait, this.#ended).catch(() => {});
  }

  #leaveTakeover(): void {
    this.#takeover?.arrive();
    this.#takeover = undefined;
  }
}

/** How long the owner waits after an error. */
function kindOf(error: unknown): WaitKind {
  if (error instanceof SourceError) return error.kind;
  if (error instanceof CommitFailed) return error.isBlocked ? "blocked" : "lost";
  if (error instanceof OnrampError && error.known === "not written") return "blocked";
  return error instanceof OwnerUnclear || error instanceof NotOwner ? "lost" : "passing";
}
