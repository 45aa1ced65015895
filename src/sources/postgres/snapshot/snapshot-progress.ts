// The progress of snapshots: which tables are read, which remain, and what the cursor stores of it.

import type { AddedTable, ReadAtOnce, SnapshotProgress, TableProgress } from "../cursor.ts";
import { VisibleTransactions } from "./visibility.ts";

/** Tracks which tables are read, which remain, and how far the current one is. */
export class Progress {
  readonly #done: Set<number>;
  /** The tables whose first snapshot is not complete, in the order in which they are read. */
  #first: number[];
  #added: readonly AddedTable[];
  #requested: number[];
  #readAtOnce: readonly ReadAtOnce[];
  #current: TableProgress | undefined;
  readonly #isInitial: boolean;
  #tables = new Set<number>();

  /** @param isInitial whether tables are read that were not read yet */
  constructor(stored: SnapshotProgress | undefined, isInitial: boolean) {
    this.#done = new Set(stored?.done);
    this.#first = [...(stored?.pending ?? [])];
    this.#added = stored?.added ?? [];
    this.#requested = [...(stored?.requested ?? [])];
    this.#readAtOnce = stored?.readAtOnce ?? [];
    this.#current = stored?.current;
    this.#isInitial = isInitial;
  }

  /**
   * Sets the tables that exist now, in the order in which they are read. Those that left are forgotten: if they come back, changes are missing.
   *
   * @param snapshot pg_current_snapshot(), for tables that are new; undefined if the slot is newer than all of them
   */
  setTables(oids: readonly number[], snapshot: string | undefined): void {
    this.#tables = new Set(oids);
    for (const oid of this.#done) if (!this.#tables.has(oid)) this.#done.delete(oid);
    const exists = (oid: number): boolean => this.#tables.has(oid);
    this.#requested = this.#requested.filter(exists);
    this.#readAtOnce = this.#readAtOnce.filter(({ oid }) => exists(oid));
    if (this.#current && !exists(this.#current.oid)) this.#current = undefined;
    if (!this.#isInitial) return;
    const known = new Set([...this.#done, ...this.#first]);
    const added = oids.filter((oid) => !known.has(oid));
    this.#first = oids.filter((oid) => !this.#done.has(oid));
    const later = snapshot === undefined ? [] : added.map((oid) => ({ oid, snapshot }));
    this.#added = [...this.#added.filter(({ oid }) => this.#first.includes(oid)), ...later];
  }

  /** Forgets tables that were read, because changes of them are missing. @returns those that had been read, or were being read */
  forget(oids: readonly number[]): number[] {
    return oids.filter((oid) => {
      if (this.#current?.oid !== oid) return this.#done.delete(oid);
      this.#current = { ...this.#current, isStale: true };
      return true;
    });
  }

  /** The transactions that must end before a table is read. */
  endBefore(oid: number): Iterable<number> {
    const added = this.#added.find((each) => each.oid === oid);
    return added ? new VisibleTransactions(added.snapshot).running : [];
  }

  get current(): TableProgress | undefined {
    return this.#current;
  }

  /** The tables that are not read yet, in order. */
  get pending(): readonly number[] {
    const rest = [...this.#first, ...this.#requested];
    return this.#current ? rest.filter((oid) => oid !== this.#current?.oid) : rest;
  }

  /** Whether the first snapshot of a table is not complete. */
  isUnread(oid: number): boolean {
    return this.#first.includes(oid);
  }

  isPending(oid: number): boolean {
    return this.#current?.oid === oid || this.pending.includes(oid);
  }

  /** Whether the current table is the first one that is read. */
  get isFirstTable(): boolean {
    return this.#done.size === 0;
  }

  get isComplete(): boolean {
    return this.#current === undefined && this.pending.length === 0;
  }

  /** Starts with the next table. @returns undefined when there is none */
  begin(): TableProgress | undefined {
    const [oid] = this.pending;
    if (this.#current || oid === undefined) return this.#current;
    const isRequested = !this.#isInitial || this.#done.has(oid);
    this.#current = { oid, rows: 0, ...(isRequested ? { isRequested } : {}) };
    return this.#current;
  }

  update(progress: TableProgress): void {
    this.#current = progress;
  }

  /** Ends the current table. @param readAtOnce set for a table without a key */
  finish(readAtOnce?: ReadAtOnce): void {
    const { oid } = this.#current ?? {};
    if (oid === undefined) return;
    this.#done.add(oid);
    this.#first = this.#first.filter((each) => each !== oid);
    this.#added = this.#added.filter((each) => each.oid !== oid);
    this.#requested = this.#requested.filter((each) => each !== oid);
    // The stream leaves out no changes of a table that had been read: readers need its deletes.
    const isRequested = this.#current?.isRequested === true;
    if (readAtOnce && !isRequested) this.#readAtOnce = [...this.#readAtOnce, readAtOnce];
    this.#current = undefined;
  }

  /** Adds tables whose snapshot was requested. */
  request(oids: readonly number[]): void {
    for (const oid of oids) if (!this.isPending(oid)) this.#requested.push(oid);
  }

  /** Whether the snapshot of a table without a key contains a change. */
  contains(oid: number, xid: number): boolean {
    return this.#readAtOnce.some(
      (each) => each.oid === oid && new VisibleTransactions(each.snapshot).sees(xid),
    );
  }

  /** Called for each mark in the stream. */
  onMark(mark: string): void {
    if (this.#readAtOnce.length > 0) this.#readAtOnce = this.#readAtOnce.filter((each) => each.mark !== mark);
  }

  /** What the cursor stores; undefined when there is nothing. */
  get stored(): SnapshotProgress | undefined {
    const [requested, readAtOnce, current] = [this.#requested, this.#readAtOnce, this.#current];
    if (!this.#isInitial && requested.length + readAtOnce.length === 0 && !current) return undefined;
    const [pending, added] = [this.#first, this.#added];
    return {
      done: [...this.#done],
      ...(pending.length > 0 ? { pending: [...pending] } : {}),
      ...(added.length > 0 ? { added } : {}),
      ...(current ? { current } : {}),
      ...(requested.length > 0 ? { requested: [...requested] } : {}),
      ...(readAtOnce.length > 0 ? { readAtOnce } : {}),
    };
  }
}
