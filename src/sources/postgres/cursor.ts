// The cursor of a source: which changes were written, what the slot may have discarded, and the progress of snapshots.

import { isLsn, maxLsn, parseLsn } from "./stream/lsn.ts";

/** The progress of the snapshot of one table. Values of keys are PostgreSQL's text. */
export interface TableProgress {
  readonly oid: number;
  /** The columns of the key (see `keySignature`): the positions are valid only with it. */
  readonly key?: string;
  /** Set when the table must be read from the beginning. */
  readonly isStale?: true;
  /** The key after which the next chunk begins; absent before the first chunk. */
  readonly after?: readonly string[];
  /** The last key that existed when the snapshot of the table began. */
  readonly until?: readonly string[];
  /** Rows that are read again, because the stream does not have their complete values. */
  readonly again?: readonly (readonly string[])[];
  readonly rows: number;
  /** Set when all rows up to `until` were read, and only those of `again` remain. */
  readonly isRead?: true;
  /** Set for a snapshot that was requested after the first one was complete. */
  readonly isRequested?: true;
}

/** A table without a key that was read: changes that its snapshot contains are still to come in the stream. */
export interface ReadAtOnce {
  readonly oid: number;
  /** pg_current_snapshot() of the read. */
  readonly snapshot: string;
  /** The mark in the stream after which no transaction is contained in the snapshot. */
  readonly mark: string;
}

/** A table that was added to the publication after the slot was created. */
export interface AddedTable {
  readonly oid: number;
  /**
   * pg_current_snapshot() after the table was added. Transactions that were running then may have changed it before: the stream does
   * not have these changes, so the table is read after they have ended.
   */
  readonly snapshot: string;
}

export interface SnapshotProgress {
  /** The oids of the tables whose first snapshot is complete. */
  readonly done: readonly number[];
  /** The oids of the tables that are to be read. */
  readonly pending?: readonly number[];
  readonly added?: readonly AddedTable[];
  readonly current?: TableProgress;
  /** The oids of tables whose snapshot was requested by a signal. */
  readonly requested?: readonly number[];
  readonly readAtOnce?: readonly ReadAtOnce[];
}

export interface PostgresCursor {
  /** The system identifier of the server. */
  readonly system: string;
  readonly timeline: number;
  /** The oid of the publication. */
  readonly publication?: string;
  /** The slot may have discarded what is before this position. */
  readonly acked: string;
  /** The position of the commit record of the last transaction of which changes were written. */
  readonly lsn: string;
  /** The number of messages of that transaction that were written or skipped, counted as the server sent them. */
  readonly index: number;
  readonly tables?: SnapshotProgress;
}

/** A position in the stream: that of a commit record, and the number of messages of the transaction. */
export interface Position {
  readonly lsn: bigint;
  readonly index: number;
}

/** Whether a message was written: it is before the position, or belongs to its transaction and has no higher index. */
export function isWritten(
  cursor: { readonly acked: bigint; readonly position: Position },
  at: Position,
): boolean {
  const { acked, position } = cursor;
  if (at.lsn < acked || at.lsn < position.lsn) return true;
  return at.lsn === position.lsn && at.index <= position.index;
}

export function isCursor(value: unknown): value is PostgresCursor {
  if (typeof value !== "object" || value === null) return false;
  const { system, timeline, acked, lsn, index, tables } = value as Partial<PostgresCursor>;
  return (
    typeof system === "string" &&
    Number.isInteger(timeline) &&
    isLsn(acked) &&
    isLsn(lsn) &&
    Number.isInteger(index) &&
    (tables === undefined || isProgress(tables))
  );
}

function isProgress({
  done,
  current,
  pending = [],
  added = [],
  requested = [],
  readAtOnce = [],
}: SnapshotProgress): boolean {
  const areOids = (oids: unknown): boolean => Array.isArray(oids) && oids.every(Number.isInteger);
  const isTable = current === undefined || (Number.isInteger(current.oid) && Number.isInteger(current.rows));
  const areTables = [readAtOnce, added].every(Array.isArray);
  return [done, pending, requested].every(areOids) && areTables && isTable;
}

/** The position after everything that the cursor covers. */
export const coveredLsn = ({ acked, lsn }: PostgresCursor): bigint => maxLsn(parseLsn(acked), parseLsn(lsn));
