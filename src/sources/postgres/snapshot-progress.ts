// The progress of snapshots: which tables are read, which remain, and what the cursor stores of it.

import type { ReadAtOnce, SnapshotProgress, TableProgress } from "./cursor.ts";
import { VisibleTransactions } from "./visibility.ts";

/** The oids of tables whose rows are read only once they have been requested. */
export class Progress {
  readonly #done: Set<number>;
  #requested: number[];
  #readAtOnce: readonly ReadAtOnce[];
  #current: TableProgress | undefined;
  readonly #isInitial: boolean;
  /** The published tables, in the order in which they are read. */
  #tables: readonly number[] = [];

  /** @param isInitial whether tables are read that were not read yet */
  constructor(stored: SnapshotProgress | undefined, isInitial: boolean) {
    this.#done = new Set(stored?.done);
    this.#requested = [...(stored?.requested ?? [])];
    this.#readAtOnce = stored?.readAtOnce ?? [];
    this.#current = stored?.current;
    this.#isInitial = isInitial;
  }

  /** Sets the tables that exist now. Those that left are forgotten: if they come back, changes are missing. */
  setTables(oids: readonly number[]): void {
    this.#tables = oids;
    const exists = new Set(oids);
    for (const oid of this.#done) if (!exists.has(oid)) this.#done.delete(oid);
    this.#requested = this.#requested.filter((oid) => exists.has(oid));
    this.#readAtOnce = this.#readAtOnce.filter(({ oid }) => exists.has(oid));
    if (this.#current && !exists.has(this.#current.oid)) this.#current = undefined;
  }

  get current(): TableProgress | undefined {
    return this.#current;
  }

  /** The tables that are not read yet, in order. */
  get pending(): readonly number[] {
    const first = this.#isInitial ? this.#tables.filter((oid) => !this.#done.has(oid)) : [];
    const rest = [...first, ...this.#requested];
    return this.#current ? rest.filter((oid) => oid !== this.#current?.oid) : rest;
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
    this.#requested = this.#requested.filter((each) => each !== oid);
    if (readAtOnce) this.#readAtOnce = [...this.#readAtOnce, readAtOnce];
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
    return {
      done: [...this.#done],
      ...(current ? { current } : {}),
      ...(requested.length > 0 ? { requested: [...requested] } : {}),
      ...(readAtOnce.length > 0 ? { readAtOnce } : {}),
    };
  }
}
