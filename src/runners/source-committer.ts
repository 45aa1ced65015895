// Commits the batches of one source: filters the drafts, prepares the records, and replaces records that Kafka refuses with
// dead letters.

import { messageOf, OnrampError } from "../core/errors.ts";
import type { Expression } from "../core/expressions.ts";
import type { Ingest } from "../core/ingest.ts";
import type { Log } from "../core/ports.ts";
import type { PreparedBatch, TopicDraft } from "../core/prepare.ts";
import { type Batch, SourceError } from "../core/source.ts";
import { OwnershipUnknown, RecordsRefused, type SourceLog, type TopicEnsurer } from "../core/source-ports.ts";
import { encodeState } from "../core/source-state.ts";
import { keptDrafts } from "./source-drafts.ts";
import type { SourceHealth } from "./source-health.ts";
import { ensureTopics } from "./source-topics.ts";

/** The maximum number of successive batches that change nothing; one more makes the source fail. */
const MAX_IDLE_BATCHES = 100;

const REPORT = "report this bug to the author of the source";
const NOT_A_BATCH = `the source yielded something that is not a batch of drafts; ${REPORT}`;
const NOT_A_CURSOR = `the source yielded a cursor that is not a JSON value; ${REPORT}`;

/** A cursor that was committed. */
export interface Committed {
  /** The cursor, as JSON: the source may change the object that it yielded. */
  readonly cursor: string;
  /** The offset in the state topic. */
  readonly offset: number;
}

/** A commit that failed. The outcome of the transaction may be unknown: the owner must recover. */
export class CommitFailed extends Error {
  override readonly name = "CommitFailed";
  /** True when another process may own the source. */
  readonly isOwnershipUnknown: boolean;
  /** True when only an operator can resolve the cause. */
  readonly isBlocked: boolean;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.isOwnershipUnknown = cause instanceof OwnershipUnknown;
    this.isBlocked = cause instanceof OnrampError && cause.known === "not written";
  }
}

export interface SourceCommitterOptions {
  readonly name: string;
  readonly type: string;
  readonly cursorVersion: number;
  readonly holds: string | undefined;
  readonly filter: Expression | undefined;
  readonly tooLarge: "dead-letter" | "stop";
  /** The state topic, and the partition of the source in it. */
  readonly stateTopic: string;
  readonly partition: number;
  /** The number of partitions of the state topic. */
  readonly partitions: number;
}

export interface SourceCommitterDeps {
  readonly transactions: SourceLog;
  readonly ingest: Pick<Ingest, "prepare">;
  readonly topics: TopicEnsurer;
  readonly log: Log;
}

/** Commits the batches of one source. */
export class SourceCommitter {
  readonly #options: SourceCommitterOptions;
  readonly #deps: SourceCommitterDeps;
  readonly #health: SourceHealth;
  #lastCursor: string | undefined;
  #idle = 0;

  constructor(options: SourceCommitterOptions, deps: SourceCommitterDeps, health: SourceHealth) {
    this.#options = options;
    this.#deps = deps;
    this.#health = health;
  }

  /** Sets the committed cursor, as JSON. Called when the source is started. */
  begin(cursor: string | undefined): void {
    this.#lastCursor = cursor;
    this.#idle = 0;
  }

  /**
   * Moves the state of the source to its partition, because its group has changed.
   *
   * @param from the partition that has the state
   * @returns the offset of the state in the partition of the source
   * @throws CommitFailed
   */
  async move(value: Buffer, from: number): Promise<number> {
    const { partition } = this.#options;
    const removed = await this.#prepare([], null, from);
    const { records } = await this.#prepare([], value, partition);
    return this.#deps.transactions.commit([...removed.records, ...records]).catch((error: unknown) => {
      throw new CommitFailed(error);
    });
  }

  /** @param value the state; null removes it @param partition of the state topic */
  #prepare(drafts: readonly TopicDraft[], value: Buffer | null, partition: number): Promise<PreparedBatch> {
    const { name, stateTopic } = this.#options;
    const state: TopicDraft = {
      topic: stateTopic,
      draft: { key: Buffer.from(name), value, headers: [], partition },
    };
    return this.#deps.ingest.prepare(drafts, { source: name, state }).catch((error: unknown) => {
      throw new CommitFailed(error);
    });
  }

  /**
   * Commits the records and the cursor of a batch in one transaction.
   *
   * @returns the cursor, as JSON, and its offset in the state topic; undefined when there was nothing to commit
   * @throws CommitFailed; SourceError when nothing was sent and the source must be started again
   */
  async commit(batch: Batch<unknown>): Promise<Committed | undefined> {
    const { name, type, cursorVersion, holds, partition } = this.#options;
    if (!Array.isArray(batch?.drafts)) throw new SourceError("passing", NOT_A_BATCH);
    const { drafts, cursor } = batch;
    const text: string | undefined = JSON.stringify(cursor);
    if (text === undefined) throw new SourceError("passing", NOT_A_CURSOR);
    const kept = await keptDrafts(drafts, this.#options.filter);
    if (kept.length === 0 && text === this.#lastCursor) return this.#skip(drafts.length);
    this.#idle = 0;
    const value = encodeState({ type, cursorVersion, cursor, ...(holds === undefined ? {} : { holds }) });
    const prepared = await this.#prepare(kept, value, partition);
    const offset = await this.#write(prepared);
    this.#lastCursor = text;
    const { counts } = this.#health;
    counts.commits++;
    counts.records += kept.length - prepared.deadLetters;
    counts.deadLetters += prepared.deadLetters;
    counts.skipped += drafts.length - kept.length;
    if (batch.lost !== undefined) this.#health.reportLoss(batch.lost);
    if (prepared.deadLetters > 0)
      this.#deps.log.warn(
        { source: name, count: prepared.deadLetters, reason: prepared.firstReason },
        "records became dead letters",
      );
    return { cursor: text, offset };
  }

  async #write(prepared: PreparedBatch): Promise<number> {
    const ensured = new Set<string>();
    for (;;) {
      try {
        return await this.#deps.transactions.commit(prepared.records);
      } catch (error) {
        if (error instanceof RecordsRefused) this.#replace(prepared, error);
        else if (!(error instanceof OnrampError && error.code === 40401)) throw new CommitFailed(error);
        else if (!(await this.#ensureTopics(prepared, ensured))) throw new CommitFailed(error);
      }
    }
  }

  #replace(prepared: PreparedBatch, { faults }: RecordsRefused): void {
    const { name, tooLarge } = this.#options;
    for (const [index, fault] of faults) {
      if (fault.code === 41301 && tooLarge === "stop" && !prepared.isDeadLetter(index))
        throw new SourceError(
          "blocked",
          `A record of source "${name}" is too large${keyText(prepared.records[index])}: ${fault.message} To write such records to the dead-letter topic, set tooLarge: dead-letter.`,
          { cause: fault },
        );
      if (index === prepared.records.length - 1)
        throw new SourceError("blocked", `The cursor of source "${name}" is refused: ${fault.message}`);
      try {
        prepared.replace(index, fault);
      } catch (error) {
        throw new CommitFailed(error);
      }
    }
  }

  /** Creates the topics of the records, if they may be created. @returns false when that was tried before for all of them */
  async #ensureTopics({ records }: PreparedBatch, ensured: Set<string>): Promise<boolean> {
    const names = [...new Set(records.map(({ topic }) => topic))].filter((topic) => !ensured.has(topic));
    for (const name of names) ensured.add(name);
    await ensureTopics(this.#deps.topics, names);
    return names.length > 0;
  }

  /** Counts a batch that changes nothing. */
  async #skip(skipped: number): Promise<undefined> {
    this.#health.counts.skipped += skipped;
    this.#idle++;
    if (this.#idle > MAX_IDLE_BATCHES)
      throw new SourceError(
        "passing",
        `the source has yielded ${this.#idle} batches in succession without a record and without a new cursor; it must wait for new data`,
      );
    // A generator that does no I/O would otherwise keep the event loop busy.
    await new Promise(setImmediate);
    return undefined;
  }
}

/** The key of a record, for a message: its first 200 bytes. */
const keyText = (record: PreparedBatch["records"][number] | undefined): string =>
  record?.record.key ? ` (key ${record.record.key.toString("utf8", 0, 200)})` : "";
