// Reads the tables while the changes are streamed, in the way of DBLog (https://arxiv.org/abs/2010.12597): chunk by chunk, each followed
// by a mark in the stream. The rows of a chunk are written at its mark, without those that the stream has. See chunk-window.ts and
// visibility.ts.

import { randomUUID } from "node:crypto";
import type { TableProgress } from "../cursor.ts";
import { nameOf, type Table } from "../records/table.ts";
import { isLockTimeout } from "../server/failures.ts";
import { type Delete, type Insert, type Tuple, UNCHANGED, type Update } from "../stream/pgoutput.ts";
import { type Chunk, ChunkReader, DefinitionChanged } from "./chunk-reader.ts";
import { ChunkWindow } from "./chunk-window.ts";
import type { SnapshotDeps, SnapshotRows } from "./snapshot-deps.ts";
import { keySignature, type SnapshotTable } from "./targets.ts";
import { Deliveries } from "./visibility.ts";

/** The pause between two looks at transactions that are not visible yet, in milliseconds. */
const VISIBLE_MS = 100;
/** The number of rows that are read by their keys at once. */
const MAX_AGAIN = 500;

/** The number of keys that the cursor has; see `TableProgress.again`. */
const MAX_STORED = 2000;

interface Waiting {
  readonly target: SnapshotTable;
  readonly chunk: Chunk;
  /** The progress after the chunk. */
  readonly after: TableProgress;
  readonly mark: string;
}

/** The snapshots of one run. */
export class Snapshot {
  readonly #deps: SnapshotDeps;
  readonly #reader: ChunkReader;
  #deliveries: Deliveries | undefined;
  #window: ChunkWindow | undefined;
  #waiting: Waiting | undefined;
  #isReading = false;
  #failure: unknown;
  /** The keys of rows to read again that were added while a chunk was in flight. */
  #added: string[][] = [];

  constructor(deps: SnapshotDeps) {
    this.#deps = deps;
    this.#reader = new ChunkReader(deps.session, deps.targets);
  }

  /** Starts reading the next chunk, unless one is being read. @returns a table without a key, which must be read now with `readAtOnce` */
  async advance(): Promise<SnapshotTable | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isReading || this.#waiting) return undefined;
    const { progress } = this.#deps;
    const current = progress.begin();
    if (!current) {
      this.#deliveries = undefined;
      return undefined;
    }
    this.#deliveries ??= new Deliveries(this.#deps.session);
    const target = await this.#deps.targets.read(current.oid);
    if (!target) {
      progress.finish();
      return undefined;
    }
    if (target.table.key.length === 0) return target;
    this.#isReading = true;
    this.#read(target, current)
      .catch((error: unknown) => {
        this.#window = this.#waiting = undefined;
        if (error instanceof DefinitionChanged) return;
        if (isLockTimeout(error))
          return this.#deps.onWait(`the snapshot waits for a lock on ${nameOf(target.table)}`);
        this.#failure = error ?? new Error("the snapshot failed");
      })
      .finally(() => {
        this.#isReading = false;
        this.#deps.onEvent();
      });
    return undefined;
  }

  onBegin(xid: number): void {
    this.#deliveries?.add(xid);
  }

  /** Called for each change of the stream. */
  onChange(table: Table, change: Insert | Update | Delete): void {
    const { current } = this.#deps.progress;
    if (current?.oid !== table.oid || table.key.length === 0) return;
    if (change.kind !== "insert" && change.old) {
      this.#window?.onGone(table, change.old);
      // The row has moved to another key, perhaps to one that was read before, without its unchanged values.
      if (change.kind === "update" && change.row.includes(UNCHANGED))
        this.#readAgain(current, table.key.map((n) => change.row[n]) as string[]);
    }
    if (change.kind !== "delete") this.#window?.onRow(table, change.row);
  }

  onTruncate(oid: number): void {
    if (this.#deps.progress.current?.oid === oid) this.#window?.onTruncate();
  }

  /** Called for each mark of the stream. @returns the rows to write after it */
  onMark(mark: string): SnapshotRows | undefined {
    this.#deps.progress.onMark(mark);
    const waiting = this.#waiting;
    if (waiting?.mark !== mark) return undefined;
    const { target, chunk, after } = waiting;
    const isStale = this.#deps.progress.current?.isStale;
    const rows = this.#window?.remaining(target.table, chunk.rows);
    this.#window = this.#waiting = undefined;
    const again = [...(after.again ?? []), ...this.#added];
    this.#added = [];
    if (!rows) return undefined;
    const { current: before, isFirstTable } = this.#deps.progress;
    const { again: _, ...rest } = after;
    const isLast = chunk.isLast && again.length === 0 && !isStale;
    const stale = isStale ? { isStale } : {};
    const next = {
      ...rest,
      ...stale,
      rows: after.rows + rows.length,
      ...(again.length > 0 ? { again } : {}),
    };
    this.#deps.progress.update(next);
    if (isLast) this.#deps.progress.finish();
    return {
      table: target.table,
      rows,
      isFirst: before?.rows === 0,
      isFirstTable,
      isLast,
      isRequested: after.isRequested === true,
    };
  }

  /** Reads a table without a key. The caller processes no change in the meantime. */
  async *readAtOnce({ table, ...target }: SnapshotTable): AsyncGenerator<SnapshotRows, void> {
    const { progress } = this.#deps;
    const current = progress.current as TableProgress;
    const { isFirstTable } = progress;
    let [snapshot, count] = ["", 0];
    let held: readonly Tuple[] | undefined;
    const rowsOf = (rows: readonly Tuple[], isLast: boolean): SnapshotRows => {
      const isFirst = count === 0;
      count += rows.length;
      progress.update({ ...current, rows: count });
      return { table, rows, isFirst, isLast, isFirstTable, isRequested: current.isRequested === true };
    };
    await this.#untilVisible(table.oid);
    this.#window = undefined;
    const onSnapshot = (text: string): void => {
      snapshot = text;
    };
    for await (const rows of this.#reader.all({ table, ...target }, onSnapshot)) {
      if (held) yield rowsOf(held, false);
      held = rows;
    }
    const mark = randomUUID();
    await this.#reader.mark(mark);
    const last = rowsOf(held ?? [], true);
    progress.finish({ oid: table.oid, snapshot, mark });
    yield last;
  }

  #readAgain(current: TableProgress, key: string[]): void {
    if (current.isStale) return;
    // So many keys do not fit into the cursor: the table is read from the beginning.
    if ((current.again?.length ?? 0) >= MAX_STORED) {
      const { again: _, ...rest } = current;
      this.#deps.progress.update({ ...rest, isStale: true });
      this.#added = [];
      return;
    }
    // Stored with the change. Also kept in `#added`, because the progress after the chunk in flight replaces it.
    this.#deps.progress.update({ ...current, again: [...(current.again ?? []), key] });
    if (this.#isReading || this.#waiting) this.#added.push(key);
  }

  async #read(target: SnapshotTable, stored: TableProgress): Promise<void> {
    const from = this.#startOf(target, stored);
    await this.#untilVisible(from.oid);
    const until = from.until ?? (from.after ? undefined : await this.#reader.lastKey(target));
    const current = until ? { ...from, until } : from;
    const { again = [], ...rest } = current;
    const keys = again.slice(0, MAX_AGAIN);
    const chunk = await this.#readChunk(target, current, keys);
    this.#window?.limitTo(target.table, chunk.rows);
    const last = chunk.rows.at(-1);
    const key = target.table.key.map((n) => last?.[n]) as string[];
    const left = again.slice(MAX_AGAIN);
    this.#waiting = {
      target,
      chunk: keys.length > 0 ? { ...chunk, isLast: rest.isRead === true } : chunk,
      after: {
        ...rest,
        ...(keys.length === 0 && last ? { after: key } : {}),
        ...(left.length > 0 ? { again: left } : {}),
        ...(chunk.isLast ? { isRead: true as const } : {}),
      },
      mark: randomUUID(),
    };
    await this.#reader.mark(this.#waiting.mark);
  }

  /** The progress from which the next chunk is read: from the beginning, if the position is not valid any more. */
  #startOf({ table }: SnapshotTable, stored: TableProgress): TableProgress {
    const key = keySignature(table);
    const { oid, rows, isRequested } = stored;
    if (!stored.isStale && (stored.key ?? key) === key) return { ...stored, key };
    const start = { oid, rows, key, ...(isRequested ? { isRequested } : {}) };
    this.#deps.progress.update(start);
    return start;
  }

  #readChunk(
    target: SnapshotTable,
    current: TableProgress,
    keys: readonly (readonly string[])[],
  ): Promise<Chunk> {
    if (keys.length > 0) return this.#reader.byKey(target, keys);
    // A table that was empty when its snapshot began: the stream has all of its rows.
    if (!current.until && !current.after) return Promise.resolve({ rows: [], isLast: true });
    return this.#reader.next(target, current);
  }

  /**
   * Waits until every transaction that the stream has delivered is visible, then opens the window: what is delivered from now on may or may not be
   * in what is read.
   */
  async #untilVisible(oid: number): Promise<void> {
    for (;;) {
      this.#window = new ChunkWindow();
      const invisible = (await this.#deliveries?.invisible(this.#deps.progress.endBefore(oid))) ?? [];
      if (invisible.length === 0) break;
      this.#deps.onWait(
        `the snapshot waits until these transactions have ended and are visible to queries: ${invisible.slice(0, 5).join(", ")}. They were running when the snapshot began or the table was added; or they are committed, and wait for a synchronous standby`,
      );
      await this.#deps.sleep(VISIBLE_MS);
    }
    this.#deps.onWait(undefined);
  }
}
