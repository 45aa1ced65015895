// A table as the source writes it: its columns with their codecs, its key, and its topic.

import type { Relation, Tuple } from "../stream/pgoutput.ts";
import { UNCHANGED } from "../stream/pgoutput.ts";
import { jsonString, type ValueCodec } from "../values/codec.ts";

export interface Column {
  readonly name: string;
  /** The name as JSON, with the colon. */
  readonly member: string;
  readonly codec: ValueCodec;
  readonly isNotNull: boolean;
  /** False for a column that the configuration excludes. */
  readonly isIncluded: boolean;
}

/** One version of a table: each change of its definition creates another one. */
export interface Table {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly topic: string;
  readonly columns: readonly Column[];
  /** The columns that identify a row, in the order of the key; empty when there are none. */
  readonly key: readonly number[];
  /** The columns that the configuration includes. */
  readonly included: readonly number[];
  /** The columns that the server sends of the old row of an UPDATE or a DELETE. */
  readonly identity: readonly number[];
  /** Whether the configuration includes the table. */
  readonly isWanted: boolean;
  /** The definition, as the server sent it. */
  readonly relation: Relation;
}

export const nameOf = ({ schema, name }: Pick<Table, "schema" | "name">): string => `${schema}.${name}`;

/** Returns some columns of a row as a JSON object. */
export function rowJson({ columns }: Table, row: Tuple, indexes: readonly number[]): string {
  let json = "{";
  for (let n = 0; n < indexes.length; n++) {
    const index = indexes[n] as number;
    const { member, codec } = columns[index] as Column;
    if (json.length > 1) json += ",";
    json += member + valueJson(codec, row[index]);
  }
  return `${json}}`;
}

/** Returns the key of a row as JSON; null for a table without a key. */
export const keyJson = (table: Table, row: Tuple): string | null =>
  table.key.length === 0 ? null : rowJson(table, row, table.key);

const valueJson = (codec: ValueCodec, value: Tuple[number] | undefined): string => {
  if (typeof value === "string") return codec.json(value);
  return value === UNCHANGED ? codec.unavailable : "null";
};

/** The name of a column as a member of a JSON object, with the colon. */
export const memberOf = (name: string): string => `${jsonString(name)}:`;
