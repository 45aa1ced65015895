// Finds what a snapshot reads of a table: its definition now, which can change between two chunks.

import type { Table } from "../records/table.ts";
import { nameOf } from "../records/table.ts";
import type { Relations } from "../relations.ts";
import type { Catalog } from "../server/catalog.ts";
import type { Session } from "../server/connect.ts";
import type { Publications, PublishedTable } from "../server/publication.ts";

/** What a snapshot reads of a table. */
export interface SnapshotTable {
  readonly published: PublishedTable;
  readonly table: Table;
  /** See `Catalog.signature`. */
  readonly signature: string;
  /** The types of the columns of the key, as SQL. */
  readonly keyTypes: readonly string[];
  /** The schemas in which operators of the key are looked up. */
  readonly schemas: readonly string[];
  /** A condition that the configuration sets, as SQL. */
  readonly where: string | undefined;
}

export interface TargetDeps {
  /** The session that reads the chunks; the others use it as well. */
  readonly session: Session;
  readonly catalog: Catalog;
  readonly relations: Relations;
  readonly publications: Publications;
  /** The publications that the stream reads. */
  readonly names: readonly string[];
  /** See the option. */
  readonly snapshotWhere: Readonly<Record<string, string>>;
}

/** The definitions of tables. */
export class SnapshotTargets {
  readonly #deps: TargetDeps;

  constructor(deps: TargetDeps) {
    this.#deps = deps;
  }

  /** Reads the definition of a table. @returns undefined when it is not published any more */
  async read(oid: number): Promise<SnapshotTable | undefined> {
    const { session } = this.#deps;
    // One snapshot of the catalog, so that the parts of the definition belong together.
    await session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    try {
      return await this.#read(oid);
    } finally {
      await session.query("ROLLBACK");
    }
  }

  /** Whether a definition is still the one of the table. Called while the table is locked. */
  async isCurrent({ table, signature }: SnapshotTable): Promise<boolean> {
    return (await this.#deps.catalog.signature(table.oid)) === signature;
  }

  async #read(oid: number): Promise<SnapshotTable | undefined> {
    const { catalog, relations, publications, names, snapshotWhere } = this.#deps;
    const all = await publications.tables();
    const published = all.find(
      (each) => each.oid === oid && each.publications.some((name) => names.includes(name)),
    );
    const relation = published && (await catalog.relation(oid, published.columns));
    const signature = await catalog.signature(oid);
    if (!published || !relation || signature === undefined) return undefined;
    const table = await relations.compile(relation);
    const { types, schemas } = await catalog.sqlTypes(
      table.key.map((n) => relation.columns[n]?.typeOid ?? 0),
    );
    return { published, table, signature, keyTypes: types, schemas, where: snapshotWhere[nameOf(published)] };
  }
}

/** The columns of the key, as text: a position in a table is valid only with the same key. */
export const keySignature = ({ key, relation }: Table): string =>
  JSON.stringify(key.map((n) => [relation.columns[n]?.name, relation.columns[n]?.typeOid]));
