// Queries of PostgreSQL's catalog: the types, keys and columns of tables.

import type { Relation, ReplicaIdentity } from "../stream/pgoutput.ts";
import { builtinType } from "../values/builtin-types.ts";
import type { PgType } from "../values/codec.ts";
import type { Session } from "./connect.ts";

/** The live definition of a table: its columns in order, and the indexes that identify its rows, the primary key first. */
export interface TableCatalog {
  /** The partitioned table that it belongs to, as schema.table. */
  readonly root: string | undefined;
  readonly columns: readonly { readonly name: string; readonly isNotNull: boolean }[];
  readonly keys: readonly (readonly string[])[];
}

/** Reads types and tables. Types are read once. */
export class Catalog {
  readonly #session: Session;
  readonly #types = new Map<number, PgType>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Reads the types that are not known yet. */
  async load(oids: readonly number[]): Promise<void> {
    const unknown = [...new Set(oids)].filter((oid) => !this.#types.has(oid) && !builtinType(oid));
    if (unknown.length === 0) return;
    const rows = await this.#session.query(
      `WITH RECURSIVE wanted AS (
         SELECT oid, typname, typtype, typcategory, typelem, typbasetype, typtypmod, typdelim FROM pg_type WHERE oid = ANY($1::oid[])
         UNION SELECT t.oid, t.typname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod, t.typdelim
         FROM pg_type t JOIN wanted w ON t.oid IN (w.typelem, w.typbasetype))
       SELECT w.*, (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = w.oid) AS labels FROM wanted w`,
      [`{${unknown.join(",")}}`],
    );
    const found = new Map(rows.map((row) => [Number(row["oid"]), row]));
    const build = (oid: number): PgType => {
      const known = this.#types.get(oid) ?? builtinType(oid);
      const row = found.get(oid);
      if (known || !row) return known ?? { oid, name: "unknown", kind: "base" };
      const [element, base] = [Number(row["typelem"]), Number(row["typbasetype"])];
      const isArray = row["typcategory"] === "A" && element !== 0;
      const type: PgType = {
        oid,
        name: row["typname"] ?? "",
        kind: KINDS[row["typtype"] ?? ""] ?? "base",
        ...(isArray ? { element: build(element), delimiter: found.get(element)?.["typdelim"] ?? "," } : {}),
        ...(base === 0 ? {} : { base: build(base), baseModifier: Number(row["typtypmod"]) }),
        ...(row["labels"] ? { labels: JSON.parse(row["labels"]) as string[] } : {}),
      };
      this.#types.set(oid, type);
      return type;
    };
    for (const oid of unknown) build(oid);
  }

  /** @returns a type that was loaded; one without a structure if the server does not have it any more */
  type(oid: number): PgType {
    return this.#types.get(oid) ?? builtinType(oid) ?? { oid, name: "unknown", kind: "base" };
  }

  /** Forgets the types, because they may have changed, such as the labels of an enum. */
  forgetTypes(): void {
    this.#types.clear();
  }

  async table(oid: number): Promise<TableCatalog> {
    const [columns, keys] = [
      await this.#session.query(
        "SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [oid],
      ),
      await this.#session.query(
        `SELECT i.indexrelid, json_agg(a.attname ORDER BY k.n) AS names
         FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
         LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
           AND k.n <= i.indnkeyatts
         GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
         ORDER BY i.indisprimary DESC, i.indexrelid`,
        [oid],
      ),
    ];
    const [root] = await this.#session.query(
      "SELECT format('%s.%s', n.nspname, r.relname) AS name FROM pg_class c JOIN pg_class r ON r.oid = pg_partition_root(c.oid) JOIN pg_namespace n ON n.oid = r.relnamespace WHERE c.oid = $1::oid AND c.relispartition",
      [oid],
    );
    return {
      root: root?.["name"] ?? undefined,
      columns: columns.map((row) => ({ name: row["attname"] ?? "", isNotNull: row["attnotnull"] === "t" })),
      keys: keys.map((row) => JSON.parse(row["names"] ?? "[]") as string[]),
    };
  }

  /** A text that differs after each change of the names, the columns or the keys of a table; undefined when it does not exist. */
  async signature(oid: number): Promise<string | undefined> {
    const [row] = await this.#session.query(
      `SELECT concat_ws(' ', n.nspname, c.relname, c.relreplident,
         (SELECT string_agg(concat_ws(':', a.attnum, a.attname, a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
         (SELECT string_agg(concat_ws(':', i.indexrelid, i.indisprimary, i.indisreplident), ',' ORDER BY i.indexrelid)
          FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique)) AS signature
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`,
      [oid],
    );
    return row?.["signature"] ?? undefined;
  }

  /** The types of columns as SQL, and the schemas in which their operators can be. */
  async sqlTypes(
    oids: readonly number[],
  ): Promise<{ readonly types: readonly string[]; readonly schemas: readonly string[] }> {
    const rows = await this.#session.query(
      `SELECT t.oid, n.nspname, quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS name
       FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = ANY($1::oid[])`,
      [`{${oids.join(",")}}`],
    );
    const types = oids.map((oid) => rows.find((row) => Number(row["oid"]) === oid)?.["name"] ?? "text");
    return { types, schemas: [...new Set(rows.map((row) => row["nspname"] ?? "pg_catalog"))] };
  }

  /** The definition of a table as the stream would send it, with the columns that a publication has. */
  async relation(oid: number, columns: readonly string[]): Promise<Relation | undefined> {
    const rows = await this.#session.query(
      `SELECT n.nspname, c.relname, c.relreplident, a.attname, a.atttypid, a.atttypmod,
         CASE c.relreplident WHEN 'f' THEN true
           ELSE EXISTS (SELECT FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
             WHERE i.indrelid = c.oid AND k.attnum = a.attnum AND k.n <= i.indnkeyatts
             AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) END AS is_key
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE c.oid = $1::oid AND a.attname = ANY($2::name[]) ORDER BY a.attnum`,
      [oid, columns],
    );
    const [first] = rows;
    if (!first) return undefined;
    return {
      kind: "relation",
      oid,
      schema: first["nspname"] ?? "",
      name: first["relname"] ?? "",
      identity: first["relreplident"] as ReplicaIdentity,
      columns: rows.map((row) => ({
        isKey: row["is_key"] === "t",
        name: row["attname"] ?? "",
        typeOid: Number(row["atttypid"]),
        modifier: Number(row["atttypmod"]),
      })),
    };
  }
}

const KINDS: Readonly<Record<string, PgType["kind"]>> = {
  b: "base",
  c: "composite",
  d: "domain",
  e: "enum",
  r: "range",
  m: "multirange",
  p: "pseudo",
};
