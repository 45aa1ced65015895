// Processes the messages of the stream in order: counts them, converts changes to records, and passes them to the snapshot.

import type { AdapterContext } from "../../core/adapter.ts";
import { messageOf } from "../../core/errors.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import type { Batches } from "./batches.ts";
import type { Monitor } from "./monitor.ts";
import type { Plan } from "./plan.ts";
import { type ChangeRecords, originOf } from "./records/changes.ts";
import { type Origin, unixUs } from "./records/envelope.ts";
import { nameOf, type Table } from "./records/table.ts";
import type { Relations } from "./relations.ts";
import { MARK } from "./snapshot/chunk-reader.ts";
import { requestedTables, SIGNAL } from "./snapshot/signals.ts";
import type { Snapshot } from "./snapshot/snapshot.ts";
import type { SnapshotRows } from "./snapshot/snapshot-deps.ts";
import type { Progress } from "./snapshot/snapshot-progress.ts";
import {
  type Delete,
  decodePgOutput,
  type Insert,
  type LogicalMessage,
  type Truncate,
  type Update,
} from "./stream/pgoutput.ts";
import { MESSAGE_AT, type StreamedChange } from "./stream/replication-stream.ts";

/** The number of rows of a snapshot that are written at once. */
const SLICE = 250;

interface Transaction {
  readonly commitLsn: bigint;
  readonly origin: Origin;
  readonly xid: number;
  /** Whether no change of it was written by an earlier run. */
  readonly isNew: boolean;
  /** The number of changes from the beginning, as the server sent them. */
  index: number;
}

export interface HandlerDeps {
  readonly plan: Plan;
  readonly context: AdapterContext;
  readonly records: ChangeRecords;
  readonly relations: Relations;
  readonly batches: Batches;
  readonly progress: Progress;
  readonly monitor: Monitor;
  /** The position that was acknowledged last. */
  readonly acked: bigint;
}

/** Processes the messages of one run. */
export class ChangeHandler {
  readonly #deps: HandlerDeps;
  #transaction: Transaction | undefined;
  #lastCommit: bigint;
  #lastCommittedUs = 0n;
  /** Set while tables are read. */
  snapshot: Snapshot | undefined;

  constructor(deps: HandlerDeps) {
    this.#deps = deps;
    this.#lastCommit = deps.acked;
  }

  get isInTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** @returns a promise only when something must be read first: an await per message has a measurable cost */
  handle({ lsn, frame }: StreamedChange): Promise<unknown> | undefined {
    const decoded = decodePgOutput(frame, MESSAGE_AT);
    switch (decoded.kind) {
      case "begin": {
        const { commitLsn, committedAt, xid } = decoded;
        const origin = originOf(committedAt, xid, this.#lastCommit);
        const isNew = this.#deps.batches.isNew(commitLsn);
        this.#transaction = { commitLsn, origin, xid, index: 0, isNew };
        this.#lastCommittedUs = unixUs(committedAt);
        this.snapshot?.onBegin(xid);
        return undefined;
      }
      case "commit":
        this.#transaction = undefined;
        this.#lastCommit = decoded.endLsn;
        this.#deps.batches.complete(decoded.endLsn);
        this.#deps.monitor.onCommit(this.#lastCommittedUs);
        return undefined;
      case "relation":
        return this.#deps.relations.set(decoded);
      case "message":
        return this.#onMessage(decoded, lsn);
      case "origin":
      case "type":
        return undefined;
      default:
        this.#onChange(decoded, lsn);
        return undefined;
    }
  }

  /** Adds rows that were read, outside of the stream. */
  addReadRows(rows: SnapshotRows, lsn: string): Promise<void> {
    const committedUs = BigInt(this.#deps.context.now()) * 1000n;
    return this.#addRows(
      rows,
      { snapshot: "true", lastCommit: this.#lastCommit, committedUs, xid: undefined },
      lsn,
    );
  }

  #onChange(change: Insert | Update | Delete | Truncate, lsn: string): void {
    const { batches, relations, records } = this.#deps;
    const transaction = this.#transaction;
    if (!transaction) throw new Error("the server sent a change outside of a transaction");
    const index = ++transaction.index;
    if (!transaction.isNew && batches.isWritten({ lsn: transaction.commitLsn, index })) return;
    batches.moveTo(transaction.commitLsn, index);
    if (change.kind === "truncate") {
      for (const oid of change.oids) this.#onTruncate(relations.get(oid), transaction, lsn);
      return;
    }
    const table = relations.get(change.oid);
    if (!this.#isRecorded(table, transaction)) return;
    this.snapshot?.onChange(table, change);
    batches.add(records.change(table, change, transaction.origin, lsn));
  }

  #onTruncate(table: Table, transaction: Transaction, lsn: string): void {
    const { batches, plan, records } = this.#deps;
    this.snapshot?.onTruncate(table.oid);
    if (plan.truncates && this.#isRecorded(table, transaction))
      batches.add([records.truncate(table, transaction.origin, lsn)]);
  }

  /** Whether a change becomes a record. Those of a table without a key do not until it is read, and while its snapshot contains them. */
  #isRecorded(table: Table, { xid }: Transaction): boolean {
    const { progress } = this.#deps;
    if (!table.isWanted) return false;
    if (table.key.length === 0 && progress.isUnread(table.oid)) return false;
    return !progress.contains(table.oid, xid);
  }

  #onMessage(message: LogicalMessage, lsn: string): Promise<void> | undefined {
    const { batches, plan, records } = this.#deps;
    const transaction = message.isTransactional ? this.#transaction : undefined;
    const at = transaction
      ? { lsn: transaction.commitLsn, index: ++transaction.index }
      : { lsn: message.lsn, index: 1 };
    if (batches.isWritten(at)) return undefined;
    batches.moveTo(at.lsn, at.index);
    if (message.prefix === MARK) {
      const rows = this.snapshot?.onMark(message.content.toString("utf8"));
      batches.onProgress();
      return rows && transaction ? this.#addRows(rows, transaction.origin, lsn) : undefined;
    }
    if (message.prefix === SIGNAL) this.#onSignal(message.content.toString("utf8"));
    else if (plan.messages)
      batches.add([records.message(message, transaction?.origin, this.#lastCommittedUs)]);
    return undefined;
  }

  #onSignal(text: string): void {
    const { plan, context, monitor, progress, batches } = this.#deps;
    if (!plan.signals) return;
    const { name, log } = context;
    try {
      const tables = requestedTables(text, monitor.published.tables);
      progress.request(tables.map(({ oid }) => oid));
      batches.onProgress();
      log.info({ source: name, tables: tables.map(nameOf).join(", ") }, "snapshot requested by a signal");
    } catch (error) {
      log.warn({ source: name, reason: messageOf(error) }, "signal ignored");
    }
  }

  /** Adds rows of a snapshot, in slices: a chunk would hold the event loop for too long. */
  async #addRows(
    { table, rows, isFirst, isFirstTable, isLast, isRequested }: SnapshotRows,
    origin: Origin,
    lsn: string,
  ): Promise<void> {
    const { progress, batches, records, monitor } = this.#deps;
    const first = isFirstTable ? "first" : "first_in_data_collection";
    const last = progress.isComplete ? "last" : "last_in_data_collection";
    const placed = rows.map((row, n) => {
      if (isRequested) return { row, place: "incremental" as const };
      if (isLast && n === rows.length - 1) return { row, place: last } as const;
      return { row, place: isFirst && n === 0 ? first : "true" } as const;
    });
    for (let from = 0; from < placed.length; from += SLICE) {
      batches.add(records.snapshot(table, placed.slice(from, from + SLICE), origin, lsn));
      await yieldToEventLoop();
    }
    monitor.onProgress();
  }
}
