// Names and identifiers of PostgreSQL.

import { createHash } from "node:crypto";

/** The longest name, in bytes. */
const MAX_NAME = 63;
const INSERTS = "_inserts";

/** The default name of the slot and the publication: lower case; other characters become `_`. */
export const defaultName = (namespace: string, source: string): string =>
  shortened(`${namespace}_${source}`.toLowerCase().replaceAll(/[^a-z0-9_]/g, "_"), MAX_NAME);

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export const quoteTable = (schema: string, name: string): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;

/** The name of the publication of the tables without a replica identity. */
export const insertsName = (name: string): string =>
  `${shortened(name, MAX_NAME - INSERTS.length)}${INSERTS}`;

/** Names that are too long stay different: they end with a hash. */
const shortened = (name: string, max: number): string =>
  name.length <= max
    ? name
    : `${name.slice(0, max - 9)}_${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
