// Collects the records of the stream until they are committed, and tracks the cursor after them.

import type { Batch, SourceDraft } from "../../core/source.ts";
import { isWritten, type Position, type PostgresCursor } from "./cursor.ts";
import type { Progress } from "./snapshot/snapshot-progress.ts";
import { formatLsn, maxLsn, parseLsn } from "./stream/lsn.ts";

/** The bounds of a transaction in Kafka. */
const [MAX_RECORDS, MAX_BYTES] = [8000, 8 * 1024 * 1024];

/** The records that are not committed yet, and the cursor after them. */
export class Batches {
  readonly #start: PostgresCursor;
  readonly #before: { readonly acked: bigint; readonly position: Position };
  readonly #progress: Progress;
  #lsn: bigint;
  #index: number;
  /** The position that can be acknowledged after the next commit. */
  #ackable: bigint;
  /** The position that Kafka has in the last committed cursor. */
  #committed: bigint;
  #drafts: SourceDraft[] = [];
  #bytes = 0;
  #hasProgress = false;
  #lost: string | undefined;

  constructor(cursor: PostgresCursor, progress: Progress) {
    this.#start = cursor;
    this.#lsn = parseLsn(cursor.lsn);
    this.#index = cursor.index;
    this.#ackable = this.#committed = parseLsn(cursor.acked);
    this.#before = { acked: this.#committed, position: { lsn: this.#lsn, index: this.#index } };
    this.#progress = progress;
  }

  /** Whether a message was written before this run. */
  isWritten(at: Position): boolean {
    return isWritten(this.#before, at);
  }

  /** Whether no message of a transaction was written before this run. */
  isNew(commitLsn: bigint): boolean {
    return !this.isWritten({ lsn: commitLsn, index: 1 });
  }

  /** Sets the position of the last message. */
  moveTo(lsn: bigint, index: number): void {
    this.#lsn = lsn;
    this.#index = index;
  }

  /** Called when everything before a position was written or needs no record. */
  complete(lsn: bigint): void {
    this.#ackable = maxLsn(this.#ackable, lsn);
  }

  add(drafts: readonly SourceDraft[]): void {
    for (const draft of drafts) {
      this.#drafts.push(draft);
      this.#bytes += (draft.value?.length ?? 0) + (draft.key?.length ?? 0);
    }
  }

  /** Called when the progress of snapshots has changed. */
  onProgress(): void {
    this.#hasProgress = true;
  }

  get isFull(): boolean {
    return this.#drafts.length >= MAX_RECORDS || this.#bytes >= MAX_BYTES;
  }

  /** Whether there is something that should be committed as soon as the stream pauses. */
  get isDue(): boolean {
    return this.#drafts.length > 0 || this.#hasProgress;
  }

  /** Whether a position can be acknowledged when a cursor is committed. */
  get hasAckable(): boolean {
    return this.#ackable > this.#committed;
  }

  /** Reports with the next batch that changes are missing. */
  addLoss(message: string): void {
    this.#lost = this.#lost === undefined ? message : `${this.#lost}; ${message}`;
    this.#hasProgress = true;
  }

  /** Takes the records. @returns the batch, and the position that can be acknowledged once it is committed */
  take(): { readonly batch: Batch<PostgresCursor>; readonly acked: bigint } {
    const { system, timeline, publication } = this.#start;
    const { stored } = this.#progress;
    const batch = {
      drafts: this.#drafts,
      cursor: {
        system,
        timeline,
        ...(publication === undefined ? {} : { publication }),
        acked: formatLsn(this.#ackable),
        lsn: formatLsn(this.#lsn),
        index: this.#index,
        ...(stored ? { tables: stored } : {}),
      },
      ...(this.#lost === undefined ? {} : { lost: this.#lost }),
    };
    this.#lost = undefined;
    this.#drafts = [];
    this.#bytes = 0;
    this.#hasProgress = false;
    this.#committed = this.#ackable;
    return { batch, acked: this.#ackable };
  }
}
