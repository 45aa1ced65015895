// The publications of a source: one for the tables whose rows PostgreSQL can identify, and one, for inserts only, for the others. A
// table without a replica identity in a publication of updates would make every UPDATE and DELETE of the application fail.

import { SourceError } from "../../../core/source.ts";
import type { NameFilter } from "../table-filter.ts";
import type { Session } from "./connect.ts";
import { isLockTimeout, isPermissionError } from "./failures.ts";
import { insertsName, quoteIdentifier, quoteTable } from "./names.ts";
import { CANDIDATES, publishedTables } from "./publication-queries.ts";
import { type Candidate, type Repair, repairsOf } from "./publication-repairs.ts";

/** A table that the publications contain and the configuration selects. */
export interface PublishedTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
  /** The condition that the publication sets, as SQL. */
  readonly rowFilter: string | undefined;
  readonly isPartitioned: boolean;
  /** The publications of the source that contain it. */
  readonly publications: readonly string[];
  /** Differs after the table has left a publication and was added again. */
  readonly members: string;
}

export interface ExistingPublication {
  /** Differs after a publication was dropped and created again. */
  readonly oid: string;
  readonly name: string;
  readonly comment: string;
}

export interface PublicationOptions {
  readonly name: string;
  readonly tables: NameFilter;
  /** Names of `tables` without a pattern, which must exist. */
  readonly expected: readonly string[];
  /** Whether changes of a partition count as changes of its root. */
  readonly viaRoot: boolean;
  /** The comment of publications that Onramp created. */
  readonly comment: string;
  readonly version: number;
}

export interface Published {
  readonly tables: readonly PublishedTable[];
  /** The oids of the tables that were added just now. */
  readonly added: readonly number[];
  /** pg_current_snapshot() after that. */
  readonly snapshot: string;
  /** What an operator should know, such as statements that the role may not run. */
  readonly warnings: readonly string[];
}

/** The publications of one source. */
export class Publications {
  readonly #session: Session;
  readonly #options: PublicationOptions;

  constructor(session: Session, options: PublicationOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** The publications that exist, that of the usual tables first. */
  async existing(): Promise<readonly ExistingPublication[]> {
    const { name } = this.#options;
    const rows = await this.#session.query(
      `SELECT oid::text, pubname, obj_description(oid, 'pg_publication') AS comment FROM pg_publication
       WHERE pubname = ANY($1::name[]) ORDER BY pubname`,
      [[name, insertsName(name)]],
    );
    return rows.map((row) => ({
      oid: row["oid"] ?? "",
      name: row["pubname"] ?? "",
      comment: row["comment"] ?? "",
    }));
  }

  /** Drops the publications that Onramp created. @returns their names */
  async drop(): Promise<readonly string[]> {
    const all = await this.existing();
    const names = all.filter(({ comment }) => comment === this.#options.comment).map(({ name }) => name);
    for (const each of names) await this.#session.query(`DROP PUBLICATION ${quoteIdentifier(each)}`);
    return names;
  }

  /**
   * Compares the publications with the configuration, and repairs them where the role may.
   *
   * @param isStart at the start, publications that are missing and may not be created are an error
   * @param isNew whether the slot is still to be created: a slot cannot read publications that are newer
   * @throws SourceError `blocked` with the statements to run
   */
  async ensure(isStart: boolean, isNew = false): Promise<Published> {
    const candidates = await this.#candidates();
    const warnings = this.#missingTables(candidates);
    if (candidates.length === 0) {
      if (isStart)
        throw new SourceError("blocked", `No table matches the option tables. ${warnings.join(" ")}`.trim());
      warnings.push("no table matches the option tables");
    }
    const before = new Set((await this.tables()).map(({ oid }) => oid));
    const [repairs, hasMain] = await this.#repairs(candidates, before, isNew);
    for (const { statement, problem, isOurs } of repairs) {
      const warning = `${problem}. Run: ${statement};`;
      if (!isOurs) {
        warnings.push(warning);
        continue;
      }
      try {
        await this.#session.query(statement);
      } catch (error) {
        if (isLockTimeout(error)) continue;
        if (!isPermissionError(error)) throw error;
        if (isStart && !hasMain) throw this.#notAllowed(repairs);
        warnings.push(warning);
      }
    }
    for (const { name, sql, hasIdentity } of candidates)
      if (!hasIdentity)
        warnings.push(
          `table ${name} has no replica identity: only its inserts are written. In a publication FOR ALL TABLES or FOR TABLES IN SCHEMA, PostgreSQL also refuses its updates and deletes. Run: ALTER TABLE ${sql} REPLICA IDENTITY FULL;`,
        );
    const tables = await this.tables();
    const [row] = await this.#session.query("SELECT pg_current_snapshot()::text AS snapshot");
    const added = tables.flatMap(({ oid }) => (before.has(oid) ? [] : [oid]));
    return { tables, warnings, added, snapshot: row?.["snapshot"] ?? "" };
  }

  #notAllowed(repairs: readonly Repair[]): SourceError {
    const statements = repairs.map(({ statement }) => `${statement};`).join("\n");
    return new SourceError(
      "blocked",
      `The role may not create the publication. The owner of the tables, or a superuser, must run:\n${statements}`,
    );
  }

  #missingTables(candidates: readonly Candidate[]): string[] {
    const names = new Set(candidates.map(({ name }) => name));
    return this.#options.expected
      .filter((name) => !names.has(name))
      .map((name) => `table ${name} of the option tables does not exist, or is not a permanent table`);
  }

  /** The tables that must be members: the root instead of its partitions, so that new partitions are members too. */
  async #candidates(): Promise<Candidate[]> {
    const rows = await this.#session.query(CANDIDATES);
    const wanted = rows.filter((row) => this.#options.tables.matches(`${row["schema"]}.${row["name"]}`));
    const oids = new Set(wanted.map((row) => row["oid"]));
    return wanted.flatMap((row) =>
      row["root"] !== row["oid"] && oids.has(row["root"] ?? "")
        ? []
        : [
            {
              oid: Number(row["oid"]),
              name: `${row["schema"]}.${row["name"]}`,
              sql: quoteTable(row["schema"] ?? "", row["name"] ?? ""),
              hasIdentity: row["has_identity"] === "t",
            },
          ],
    );
  }

  /** @returns the repairs, and whether the publication of the usual tables exists */
  async #repairs(
    candidates: readonly Candidate[],
    published: ReadonlySet<number>,
    isNew: boolean,
  ): Promise<[repairs: Repair[], hasMain: boolean]> {
    const { name, viaRoot, comment } = this.#options;
    const inserts = insertsName(name);
    const members = await this.#session.query(
      `SELECT p.pubname, p.puballtables, p.pubviaroot, obj_description(p.oid, 'pg_publication') AS comment,
         (SELECT json_agg(json_build_object('oid', c.oid, 'sql', format('%I.%I', n.nspname, c.relname)))
          FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE r.prpubid = p.oid) AS tables
       FROM pg_publication p WHERE p.pubname = ANY($1::name[])`,
      [[name, inserts]],
    );
    const rowOf = (of: string) => members.find((row) => row["pubname"] === of);
    const main = rowOf(name);
    const usual = candidates.filter(({ hasIdentity }) => hasIdentity);
    const others = main?.["puballtables"] === "t" ? [] : candidates.filter(({ hasIdentity }) => !hasIdentity);
    // A slot cannot read a publication that is newer, so the second one is created before the slot, unless an operator has made the first.
    const isWanted = others.length > 0 || (isNew && (!main || main["comment"] === comment)) || rowOf(inserts);
    // Tables leave the publication of updates first.
    const repairs = [
      ...repairsOf(main, { name, isInserts: false, viaRoot, comment }, usual, published),
      ...(isWanted
        ? repairsOf(rowOf(inserts), { name: inserts, isInserts: true, viaRoot, comment }, others, published)
        : []),
    ];
    return [repairs, main !== undefined];
  }

  /** The tables that the publications contain and the configuration selects. */
  async tables(): Promise<PublishedTable[]> {
    const { name, tables, version } = this.#options;
    const rows = await this.#session.query(publishedTables(version), [[name, insertsName(name)]]);
    return rows.flatMap((row) => {
      const [schema, table] = [row["nspname"] ?? "", row["relname"] ?? ""];
      if (!tables.selects(`${schema}.${table}`, row["root"] ?? undefined)) return [];
      const publications = JSON.parse(row["publications"] ?? "[]") as string[];
      const filters = JSON.parse(row["filters"] ?? "[]") as string[];
      // A row is published when one of the publications publishes it.
      const rowFilter =
        filters.length === publications.length ? filters.map((each) => `(${each})`).join(" OR ") : undefined;
      return [
        {
          oid: Number(row["oid"]),
          schema,
          name: table,
          columns: JSON.parse(row["columns"] ?? "[]") as string[],
          rowFilter: rowFilter || undefined,
          isPartitioned: row["relkind"] === "p",
          publications,
          members: row["members"] ?? "",
        },
      ];
    });
  }
}
