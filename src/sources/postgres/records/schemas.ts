// The schemas of Kafka Connect's JsonConverter, as Debezium 3.7 has them. Written with each record when `schemas` is true.

import type { Tuple } from "../stream/pgoutput.ts";
import type { Column, Table } from "./table.ts";

interface Field {
  readonly type: string;
  readonly optional: boolean;
  readonly field: string;
  readonly [more: string]: unknown;
}

const field = (name: string, type: string, optional: boolean, more: object = {}): Field => ({
  type,
  optional,
  ...more,
  field: name,
});

const SOURCE = {
  type: "struct",
  fields: [
    field("version", "string", false),
    field("connector", "string", false),
    field("name", "string", false),
    field("ts_ms", "int64", false),
    field("snapshot", "string", true, {
      name: "io.debezium.data.Enum",
      version: 1,
      parameters: {
        allowed: "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental",
      },
      default: "false",
    }),
    field("db", "string", false),
    field("sequence", "string", true),
    field("ts_us", "int64", true),
    field("ts_ns", "int64", true),
    field("schema", "string", false),
    field("table", "string", false),
    field("txId", "int64", true),
    field("lsn", "int64", true),
    field("xmin", "int64", true),
    field("origin", "string", true),
    field("origin_lsn", "int64", true),
  ],
  optional: false,
  name: "io.debezium.connector.postgresql.Source",
  version: 1,
  field: "source",
};

const TRANSACTION = {
  type: "struct",
  fields: [
    field("id", "string", false),
    field("total_order", "int64", false),
    field("data_collection_order", "int64", false),
  ],
  optional: true,
  name: "event.block",
  version: 1,
  field: "transaction",
};

const MESSAGES = {
  key: {
    type: "struct",
    fields: [field("prefix", "string", true)],
    optional: false,
    name: "io.debezium.connector.postgresql.MessageKey",
    version: 1,
  },
  value: {
    type: "struct",
    fields: [
      field("op", "string", false),
      field("ts_ms", "int64", true),
      SOURCE,
      TRANSACTION,
      {
        type: "struct",
        fields: [field("prefix", "string", true), field("content", "bytes", true)],
        optional: false,
        name: "io.debezium.connector.postgresql.Message",
        version: 1,
        field: "message",
      },
    ],
    optional: false,
    name: "io.debezium.connector.postgresql.MessageValue",
    version: 1,
  },
  heartbeatKey: {
    type: "struct",
    fields: [field("serverName", "string", false)],
    optional: false,
    name: "io.debezium.connector.common.ServerNameKey",
    version: 1,
  },
  heartbeat: {
    type: "struct",
    fields: [field("ts_ms", "int64", false)],
    optional: false,
    name: "io.debezium.connector.common.Heartbeat",
    version: 1,
  },
};

const withSchema = (schema: string, payload: string): string => `{"schema":${schema},"payload":${payload}}`;

/** Adds the schema to a record that belongs to no table. */
export const messageWithSchema = (part: keyof typeof MESSAGES, payload: string): string =>
  withSchema(JSON.stringify(MESSAGES[part]), payload);

/** Adds the schema to a key. */
export function keyWithSchema(table: Table, payload: string): string {
  const { key } = textsOf(table);
  return withSchema(key, payload);
}

/** Adds the schema to a value. @param old, row the rows of the change, which can need a schema of their own */
export function valueWithSchema(
  table: Table,
  payload: string,
  old: { readonly row: Tuple; readonly isComplete: boolean } | undefined,
  row: Tuple | undefined,
): string {
  const { envelope } = textsOf(table);
  const isUsual =
    (old === undefined || old.isComplete) && [old?.row, row].every((each) => isStrict(table, each));
  if (isUsual) return withSchema(envelope, payload);
  return withSchema(envelopeOf(table, old && (old.isComplete ? old.row : []), row), payload);
}

const texts = new WeakMap<Table, { readonly key: string; readonly envelope: string }>();

/** The schemas that almost all records of a table have. */
function textsOf(table: Table) {
  const known = texts.get(table);
  if (known) return known;
  const made = {
    key: JSON.stringify({
      type: "struct",
      fields: table.key.map((n) => fieldOf(table.columns[n] as Column, false, 0)),
      optional: false,
      name: `${table.topic}.Key`,
    }),
    envelope: envelopeOf(table, undefined, undefined),
  };
  texts.set(table, made);
  return made;
}

/** @param old, row the rows that the schema must allow; undefined for any row that fits the definition of the table */
function envelopeOf(table: Table, old: Tuple | undefined, row: Tuple | undefined): string {
  return JSON.stringify({
    type: "struct",
    fields: [
      rowSchema(table, "before", old),
      rowSchema(table, "after", row),
      SOURCE,
      TRANSACTION,
      field("op", "string", false),
      field("ts_ms", "int64", true),
      field("ts_us", "int64", true),
      field("ts_ns", "int64", true),
    ],
    optional: false,
    name: `${table.topic}.Envelope`,
    version: 2,
  });
}

const rowSchema = (table: Table, name: "before" | "after", row: Tuple | undefined) => ({
  type: "struct",
  fields: table.columns.flatMap((column, n) => {
    const isOptional = !column.isNotNull || (row !== undefined && (row[n] ?? null) === null);
    return column.isIncluded ? [fieldOf(column, isOptional, depthOf(column, row?.[n]))] : [];
  }),
  optional: true,
  name: `${table.topic}.Value`,
  field: name,
});

/** @param depth the number of dimensions of an array beyond the first, which differ per value */
function fieldOf({ name, codec: { schema } }: Column, optional: boolean, depth: number): Field {
  let { items } = schema;
  for (let n = 0; n < depth; n++)
    items = { type: "array", optional: true, items } as NonNullable<typeof items>;
  const { type, ...more } = { ...schema, ...(items ? { items } : {}) };
  return field(name, type, optional, more);
}

const depthOf = ({ codec }: Column, value: Tuple[number] | undefined): number =>
  codec.schema.type === "array" && typeof value === "string" && value.includes("{", 1)
    ? Math.max(0, (/^\[+/.exec(codec.json(value))?.[0].length ?? 1) - 1)
    : 0;

/** Whether a row fits the definition that the catalog has now: an older one may have allowed NULL. */
const isStrict = ({ columns }: Table, row: Tuple | undefined): boolean =>
  row === undefined ||
  columns.every((column, n) => (!column.isNotNull || row[n] !== null) && depthOf(column, row[n]) === 0);
