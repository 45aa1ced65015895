// Reads rows of a table in the order of its key, in chunks of bounded time and size.

import { messageOf } from "../../../core/errors.ts";
import { SourceError } from "../../../core/source.ts";
import type { TableProgress } from "../cursor.ts";
import type { Table } from "../records/table.ts";
import type { Session } from "../server/connect.ts";
import { isPermissionError } from "../server/failures.ts";
import { quoteIdentifier, quoteTable } from "../server/names.ts";
import type { Tuple } from "../stream/pgoutput.ts";
import type { SnapshotTable, SnapshotTargets } from "./targets.ts";

/** The prefix of the messages that mark the ends of chunks. */
export const MARK = "onramp:mark";
/** The time that reading a chunk should take, in milliseconds. */
const TARGET_MS = 200;
/** The number of characters after which a chunk ends. */
const MAX_CHARACTERS = 4 * 1024 * 1024;
const [FIRST_ROWS, MIN_ROWS, MAX_ROWS] = [1000, 50, 10_000];
/** The number of rows that are fetched at once. Rows can be large. */
const FETCH_ROWS = 200;

export interface Chunk {
  readonly rows: readonly Tuple[];
  /** Whether no row follows. */
  readonly isLast: boolean;
}

/** The definition of the table changed before it was read: the chunk must be read again. */
export class DefinitionChanged extends Error {
  override readonly name = "DefinitionChanged";
}

/** Reads the chunks of tables. */
export class ChunkReader {
  readonly #session: Session;
  #limit = FIRST_ROWS;

  readonly #targets: SnapshotTargets;

  constructor(session: Session, targets: SnapshotTargets) {
    this.#session = session;
    this.#targets = targets;
  }

  /** Reads the rows after `progress.after`. */
  async next(target: SnapshotTable, { after, until }: TableProgress): Promise<Chunk> {
    const { table } = target;
    const key = keyColumns(table);
    const conditions = [
      ...conditionsOf(target),
      ...(after ? [`(${key}) > (${placeholders(target, 0)})`] : []),
      ...(until ? [`(${key}) <= (${placeholders(target, after ? table.key.length : 0)})`] : []),
    ];
    const sql = `${select(target)}${whereOf(conditions)} ORDER BY ${key} LIMIT ${this.#limit}`;
    const began = performance.now();
    const rows: Tuple[] = [];
    let characters = 0;
    for await (const part of this.#fetch(target, sql, [...(after ?? []), ...(until ?? [])])) {
      rows.push(...part);
      for (const row of part) for (const value of row) characters += (value as string | null)?.length ?? 0;
      if (characters > MAX_CHARACTERS) break;
    }
    const isLast = characters <= MAX_CHARACTERS && rows.length < this.#limit;
    this.#adapt(performance.now() - began, characters, rows.length);
    return { rows, isLast };
  }

  /** Reads rows by their keys. */
  async byKey(target: SnapshotTable, keys: readonly (readonly string[])[]): Promise<Chunk> {
    const { table } = target;
    const tuples = keys.map((_, n) => `(${placeholders(target, n * table.key.length)})`);
    const sql = `${select(target)}${whereOf([...conditionsOf(target), `(${keyColumns(table)}) IN (${tuples.join(", ")})`])}`;
    const rows: Tuple[] = [];
    for await (const part of this.#fetch(target, sql, keys.flat())) rows.push(...part);
    return { rows, isLast: false };
  }

  /** The key of the last row; undefined when there is none. */
  async lastKey(target: SnapshotTable): Promise<readonly string[] | undefined> {
    const { table } = target;
    const columns = table.key.map((n) => quoteIdentifier(table.columns[n]?.name ?? ""));
    const order = columns.map((column) => `${column} DESC`).join(", ");
    const [row] = await this.#session.rows(
      `SELECT ${columns.join(", ")} FROM ${fromOf(target)}${whereOf(conditionsOf(target))} ORDER BY ${order} LIMIT 1`,
    );
    return row as readonly string[] | undefined;
  }

  /**
   * Reads all rows, in one snapshot of PostgreSQL.
   *
   * @param onSnapshot called with pg_current_snapshot() before the rows are read
   */
  async *all(
    target: SnapshotTable,
    onSnapshot: (snapshot: string) => void,
  ): AsyncGenerator<readonly Tuple[], void> {
    await this.#session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    try {
      const [row] = await this.#session.query("SELECT pg_current_snapshot()::text AS snapshot");
      onSnapshot(row?.["snapshot"] ?? "");
      yield* this.#cursor(target, `${select(target)}${whereOf(conditionsOf(target))}`, []);
    } finally {
      await this.#session.query("ROLLBACK");
    }
  }

  /** Writes a mark to the stream, in a transaction: the server delivers it at once. */
  async mark(mark: string): Promise<void> {
    try {
      await this.#session.query("SELECT pg_logical_emit_message(true, $1, $2)", [MARK, mark]);
    } catch (error) {
      if (!isPermissionError(error)) throw error;
      throw new SourceError(
        "blocked",
        `The snapshot cannot write its mark: ${messageOf(error)}. GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) to the role.`,
        { cause: error },
      );
    }
  }

  async *#fetch(
    target: SnapshotTable,
    sql: string,
    values: readonly string[],
  ): AsyncGenerator<readonly Tuple[], void> {
    await this.#session.query("BEGIN READ ONLY");
    try {
      const schemas = target.schemas.map(quoteIdentifier).join(", ");
      await this.#session.query(`SET LOCAL search_path = pg_catalog, ${schemas}`);
      yield* this.#cursor(target, sql, values);
    } finally {
      await this.#session.query("ROLLBACK");
    }
  }

  /** @throws DefinitionChanged */
  async *#cursor(
    target: SnapshotTable,
    sql: string,
    values: readonly string[],
  ): AsyncGenerator<readonly Tuple[], void> {
    await this.#session.query(`DECLARE chunk NO SCROLL CURSOR FOR ${sql}`, values);
    // The cursor holds a lock: from here on, the definition does not change.
    if (!(await this.#targets.isCurrent(target))) throw new DefinitionChanged();
    for (;;) {
      const rows = await this.#session.rows(`FETCH ${FETCH_ROWS} FROM chunk`);
      if (rows.length > 0) yield rows;
      if (rows.length < FETCH_ROWS) return;
    }
  }

  #adapt(tookMs: number, characters: number, rows: number): void {
    if (rows === 0) return;
    const factor = Math.min(TARGET_MS / Math.max(1, tookMs), MAX_CHARACTERS / Math.max(1, characters));
    const wanted = rows * Math.min(2, Math.max(0.25, factor));
    this.#limit = Math.round(Math.min(MAX_ROWS, Math.max(MIN_ROWS, wanted)));
  }
}

const keyColumns = (table: Table): string =>
  table.key.map((n) => quoteIdentifier(table.columns[n]?.name ?? "")).join(", ");

const placeholders = ({ table, keyTypes }: SnapshotTable, from: number): string =>
  table.key.map((_, n) => `$${from + n + 1}::${keyTypes[n]}`).join(", ");

const select = (target: SnapshotTable): string =>
  `SELECT ${target.table.columns.map(({ name }) => quoteIdentifier(name)).join(", ")} FROM ${fromOf(target)}`;

/** Without ONLY, a table would be read with those that inherit from it. */
const fromOf = ({ published: { isPartitioned }, table: { schema, name } }: SnapshotTable): string =>
  `${isPartitioned ? "" : "ONLY "}${quoteTable(schema, name)}`;

const conditionsOf = ({ published, where }: SnapshotTable): string[] =>
  [published.rowFilter, where].filter((each) => each !== undefined).map((each) => `(${each})`);

const whereOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
