// What the owner of a source does, from the assignment of its state partition to this process until the partition is revoked:
// takes over, reads the cursor, commits the batches, and starts the source again after a failure.

import { OnrampError, reasonOf } from "../core/errors.ts";
import { type Source, SourceError, type TopicRecords } from "../core/source.ts";
import {
  OwnershipUnknown,
  type SourceOwnership,
  type StateReader,
  type StateRecord,
} from "../core/source-ports.ts";
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
import { cursorsIn, findMoved, type PartitionTakeover, type States } from "./source-takeover.ts";
import { ensureTopics } from "./source-topics.ts";
import { type WaitKind, Waits } from "./source-waits.ts";

/** How long the confirmation of the ownership is trusted, in milliseconds. */
const CONFIRMED_MS = 1000;

export interface SourceOwnerDeps extends SourceCommitterDeps {
  readonly source: Source;
  readonly reader: StateReader;
  readonly records: TopicRecords;
  readonly ownership: Pick<SourceOwnership, "isOwner" | "fault">;
  readonly committer: SourceCommitter;
  readonly health: SourceHealth;
  readonly clock: Clock;
}

/** The longest message of an error that is shown, in characters. It may contain what another system sent. */
const MAX_MESSAGE = 2000;

/** What the owner does next. */
type Step = "take over" | "recover" | "read the cursor" | "run";

/** The state partition is not assigned to this process. */
class NotOwner extends Error {
  override readonly name = "NotOwner";
}

/** One period of ownership of a source by this process. `run` is called once. */
export class SourceOwner {
  readonly #options: SourceCommitterOptions;
  readonly #deps: SourceOwnerDeps;
  readonly #ended: AbortSignal;
  readonly #waits: Waits;
  /** The shared takeover of the partition. Undefined after this source has read its cursor or has failed. */
  #takeover: PartitionTakeover | undefined;
  #step: Step = "take over";
  /** The last committed cursor, as JSON, and its offset in the state topic. */
  #cursor: string | undefined;
  #cursorOffset: number | undefined;
  /** Whether to read the whole partition: after a takeover, the known offset may be stale. */
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

  /** The last committed cursor; undefined when there is none. A copy per call: sources may change the object. */
  get cursor(): unknown {
    return this.#cursor === undefined ? undefined : JSON.parse(this.#cursor);
  }

  /** Runs the source until `ended` is aborted. Retries after every error. */
  async run(): Promise<void> {
    while (!this.#ended.aborted) {
      try {
        await this.#acquire();
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

  /** Performs the steps before the source runs: takeover or recovery, then the read of the cursor. */
  async #acquire(): Promise<void> {
    const { transactions, health } = this.#deps;
    health.enter("starting");
    // A source that failed starts again: its cursor may have been set in the meantime, for which the command fenced this owner.
    if (this.#step === "run") return this.#check();
    if (this.#step === "take over") {
      await untilAborted(transactions.takeOver(this.#confirm, this.#ended), this.#ended);
      this.#readAll = true;
    } else if (this.#step === "recover") await this.#recover();
    this.#step = "read the cursor";
    const reading = this.#takeover?.states(this.#ended) ?? this.#read();
    this.#takeover = undefined;
    await this.#setCursor(await reading.catch((error: unknown) => this.#provideStateTopic(error)));
    this.#step = "run";
  }

  /** Creates the state topic if it was deleted. @throws `error` if that is not the cause; SourceError if it is not created */
  async #provideStateTopic(error: unknown): Promise<States> {
    if (!(error instanceof OnrampError && error.code === 40401)) throw error;
    await ensureTopics(this.#deps.topics, [this.#options.stateTopic]);
    return this.#read();
  }

  #read(): Promise<States> {
    const from = this.#readAll || this.#cursorOffset === undefined ? undefined : this.#cursorOffset + 1;
    return this.#deps.reader.read(this.#options.partition, from, this.#ended);
  }

  /** Sets the cursor from the states that were read: those of the whole partition, or those after the known offset. */
  async #setCursor(states: States): Promise<void> {
    const { name, type, cursorVersion } = this.#options;
    const { source } = this.#deps;
    if (this.#readAll) source.onTakeover?.(cursorsIn(states));
    let stored = states.get(name);
    // The state of a source whose group has changed is in another partition.
    if (this.#readAll && source.onTakeover && (stored?.value ?? null) === null)
      stored = (await this.#movedState()) ?? stored;
    if (stored) {
      const { value, offset } = stored;
      const state = value === null ? undefined : decodeState(name, value);
      this.#cursor = state && JSON.stringify(cursorFor({ name, type, cursorVersion }, state));
      this.#cursorOffset = offset;
    } else if (this.#readAll) this.#cursor = this.#cursorOffset = undefined;
    this.#readAll = false;
  }

  /** Finds the state in the other partitions, and moves it to the partition of the source. @throws CommitFailed */
  async #movedState(): Promise<StateRecord | undefined> {
    const { reader, committer } = this.#deps;
    const found = await findMoved(this.#options, reader, this.#ended);
    if (!found) return undefined;
    return { value: found.value, offset: await committer.move(found.value, found.partition) };
  }

  /** @throws CommitFailed when this process may not own the source any more */
  readonly #check = async (): Promise<void> => {
    await this.#deps.transactions.check().catch((error: unknown) => {
      throw new CommitFailed(error);
    });
  };

  /** Starts the source, and commits its batches until it fails or must end. */
  async #runSource(): Promise<void> {
    const { source, committer, health, clock, records } = this.#deps;
    committer.begin(this.#cursor);
    health.counts.starts++;
    const pull = new SourcePull(source, this.cursor, health, this.#check, this.#ended, records);
    health.enter("running");
    try {
      for (;;) {
        const committed = await committer.commit(await pull.next(this.#ended));
        if (!committed) continue;
        this.#cursor = committed.cursor;
        this.#cursorOffset = committed.offset;
        health.lastCommitAt = clock.now();
        health.succeed();
        this.#waits.reset();
      }
    } finally {
      await pull.end();
    }
  }

  /** Decides what to do after a failure. An open transaction is ended at once, because readers of its topics wait for it. */
  async #stepAfter(error: unknown): Promise<Step> {
    if (error instanceof OwnershipUnknown || (error instanceof CommitFailed && error.isOwnershipUnknown)) {
      this.#confirmedAt = 0;
      // In a rebalance, the next owner may fence this process before this process learns that the partition is revoked. An error
      // appears again in the takeover.
      await this.#confirm().catch(() => {});
      return "take over";
    }
    if (!(error instanceof CommitFailed)) return this.#step;
    this.#deps.health.enter("starting");
    try {
      await this.#recover();
      return "read the cursor";
    } catch (failure) {
      return failure instanceof OwnershipUnknown ? this.#stepAfter(failure) : "recover";
    }
  }

  /** A request with an old epoch still aborts an open transaction of the next owner. So the ownership is confirmed first. */
  #recover(): Promise<void> {
    this.#confirmedAt = 0;
    return untilAborted(this.#deps.transactions.recover(this.#confirm, this.#ended), this.#ended);
  }

  /** @throws NotOwner when the partition is not assigned to this process any more */
  readonly #confirm = async (): Promise<void> => {
    if (Date.now() - this.#confirmedAt < CONFIRMED_MS) return;
    if (!(await this.#deps.ownership.isOwner(this.#options.partition, this.#ended)))
      throw new NotOwner("the source is not assigned to this process");
    this.#confirmedAt = Date.now();
  };

  async #pause(error: unknown): Promise<void> {
    const { health, clock, log } = this.#deps;
    const { name } = this.#options;
    const kind = waitKindOf(error);
    const wait = this.#waits.next(kind, error instanceof SourceError ? error.retryAfterMs : 0);
    const state = kind === "blocked" ? "blocked" : "backing-off";
    health.fail(state, withoutUrlSecrets(reasonOf(error).slice(0, MAX_MESSAGE)), clock.now() + wait);
    log.debug({ source: name, error, wait }, "source failed");
    await clock.sleep(wait, this.#ended).catch(() => {});
  }

  #leaveTakeover(): void {
    this.#takeover?.ready();
    this.#takeover = undefined;
  }
}

/** Returns the kind of wait after an error. */
function waitKindOf(error: unknown): WaitKind {
  if (error instanceof SourceError) return error.kind;
  if (error instanceof CommitFailed) return error.isBlocked ? "blocked" : "lost";
  if (error instanceof OnrampError && error.known === "not written") return "blocked";
  return error instanceof OwnershipUnknown || error instanceof NotOwner ? "lost" : "passing";
}
