// Names and identifiers of PostgreSQL.

/** The longest name, in bytes. */
const MAX_NAME = 63;

/** The default name of the slot and the publication: lower case; other characters become `_`. */
export const defaultName = (namespace: string, source: string): string =>
  `${namespace}_${source}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, "_")
    .slice(0, MAX_NAME);

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export const quoteTable = (schema: string, name: string): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;

/** The name of the publication of the tables without a replica identity. */
export const insertsName = (name: string): string => `${name.slice(0, 55)}_inserts`;
