// Keeps the definitions of the tables that the stream sends, and completes them from the catalog.

import { SourceError } from "../../core/source.ts";
import { type Column, memberOf, nameOf, type Table } from "./records/table.ts";
import type { Catalog, TableCatalog } from "./server/catalog.ts";
import type { Relation } from "./stream/pgoutput.ts";
import { type NameFilter, sameTopic, topicOf } from "./table-filter.ts";
import { codecOf } from "./values/codec.ts";

export interface RelationRules {
  readonly tables: NameFilter;
  readonly columns: NameFilter;
  readonly topicPrefix: string;
}

/** The tables by oid. */
export class Relations {
  readonly #rules: RelationRules;
  readonly #catalog: Catalog;
  readonly #tables = new Map<number, Table>();

  constructor(rules: RelationRules, catalog: Catalog) {
    this.#rules = rules;
    this.#catalog = catalog;
  }

  /** @throws Error for a table whose definition the server did not send */
  get(oid: number): Table {
    const table = this.#tables.get(oid);
    if (!table) throw new Error(`the server sent a change of a table (oid ${oid}) before its definition`);
    return table;
  }

  /** Sets the definition of a table. @throws SourceError when two tables have the same topic */
  async set(relation: Relation): Promise<Table> {
    // A definition is sent again when a type of its columns has changed.
    if (this.#tables.has(relation.oid)) this.#catalog.forgetTypes();
    const table = await this.compile(relation);
    this.#checkTopic(table);
    this.#tables.set(relation.oid, table);
    return table;
  }

  async compile(relation: Relation): Promise<Table> {
    const { oid, schema, name, columns } = relation;
    await this.#catalog.load(columns.map(({ typeOid }) => typeOid));
    const live = await this.#catalog.table(oid);
    const table = nameOf({ schema, name });
    const compiled = columns.map((column, n): Column => {
      return {
        name: column.name,
        member: memberOf(column.name),
        codec: codecOf(this.#catalog.type(column.typeOid), column.modifier),
        isNotNull: isNotNull(live, columns, n),
        isIncluded: this.#rules.columns.matches(`${table}.${column.name}`),
      };
    });
    return {
      oid,
      schema,
      name,
      topic: topicOf(this.#rules.topicPrefix, schema, name),
      columns: compiled,
      key: keyOf(relation, live, this.#tables.get(oid)),
      included: compiled.flatMap(({ isIncluded }, n) => (isIncluded ? [n] : [])),
      identity: columns.flatMap(({ isKey }, n) => (isKey ? [n] : [])),
      isWanted: this.#rules.tables.selects(table, live.root),
      relation,
    };
  }

  /** A table that is created while changes are streamed is checked here; see also `setup.ts`. */
  #checkTopic(table: Table): void {
    if (!table.isWanted) return;
    const others = [...this.#tables.values()].filter(({ oid, isWanted }) => isWanted && oid !== table.oid);
    checkTopics([...others, table]);
  }
}

/** @throws SourceError when two tables have the same topic */
export function checkTopics(tables: readonly { readonly schema: string; readonly name: string }[]): void {
  const same = sameTopic(tables);
  if (same)
    throw new SourceError(
      "blocked",
      `The tables ${same[0]} and ${same[1]} would both be written to the same topic. Rename one of them, or exclude it with tables: ["!${same[1]}"].`,
    );
}

/**
 * The catalog has the current definition, the stream the one at the time of the change. Columns that were renamed since are matched by
 * position.
 */
function indexesIn(
  live: TableCatalog,
  { columns }: Relation,
  names: readonly string[],
): number[] | undefined {
  const byName = names.map((name) => columns.findIndex((column) => column.name === name));
  if (byName.every((index) => index >= 0)) return byName;
  if (live.columns.length !== columns.length) return undefined;
  return names.map((name) => live.columns.findIndex((column) => column.name === name));
}

/** The replica identity says which columns the key has; the catalog, in which order. */
function keyOf(relation: Relation, live: TableCatalog, before: Table | undefined): readonly number[] {
  const found = live.keys.flatMap((names) => {
    const indexes = indexesIn(live, relation, names);
    return indexes ? [indexes] : [];
  });
  const previous = before?.key.map((n) =>
    relation.columns.findIndex(({ name }) => name === before.columns[n]?.name),
  );
  if (previous && previous.length > 0 && !previous.includes(-1)) found.push(previous);
  const flagged = relation.columns.flatMap(({ isKey }, n) => (isKey ? [n] : []));
  if (relation.identity === "f" || flagged.length === 0) return found[0] ?? [];
  const isSame = (indexes: readonly number[]): boolean =>
    indexes.length === flagged.length && flagged.every((n) => indexes.includes(n));
  return found.find(isSame) ?? flagged;
}

function isNotNull(live: TableCatalog, columns: Relation["columns"], n: number): boolean {
  const named = live.columns.find(({ name }) => name === columns[n]?.name);
  return named?.isNotNull ?? false;
}
