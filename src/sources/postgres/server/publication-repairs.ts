// Compares a publication with the tables that it must contain. Pure. Without ONLY, a statement would apply to the tables that inherit as
// well, which may have no replica identity.

import type { Row } from "./connect.ts";
import { quoteIdentifier, quoteLiteral } from "./names.ts";

/** A table that a publication must contain. */
export interface Candidate {
  readonly oid: number;
  /** The name as SQL. */
  readonly sql: string;
  readonly name: string;
  /** Whether PostgreSQL can identify its rows, so that updates can be published. */
  readonly hasIdentity: boolean;
}

/** A difference, and the statement that removes it. */
export interface Repair {
  readonly statement: string;
  readonly problem: string;
  /** False for a publication that Onramp did not create: only an operator changes it, except that tables are added. */
  readonly isOurs: boolean;
}

export interface WantedPublication {
  readonly name: string;
  /** Whether it publishes inserts only. */
  readonly isInserts: boolean;
  readonly viaRoot: boolean;
  /** The comment of publications that Onramp created. */
  readonly comment: string;
}

/**
 * Returns the repairs in the order in which they must be made.
 *
 * @param row the publication; undefined when it does not exist
 * @param published the oids of the tables that any publication of the source contains
 */
export function repairsOf(
  row: Row | undefined,
  wanted: WantedPublication,
  tables: readonly Candidate[],
  published: ReadonlySet<number>,
): Repair[] {
  if (!row) return creation(wanted, tables);
  if (row["puballtables"] === "t") return [];
  const { name, viaRoot, comment } = wanted;
  const quoted = quoteIdentifier(name);
  const isOurs = row["comment"] === comment;
  const listed = JSON.parse(row["tables"] ?? "[]") as readonly {
    readonly oid: string;
    readonly sql: string;
  }[];
  const members = listed.map(({ oid, sql }) => ({ oid: Number(oid), sql }));
  const surplus = isOurs ? members.filter(({ oid }) => !tables.some((each) => each.oid === oid)) : [];
  const missing = tables.filter(
    ({ oid }) => !members.some((member) => member.oid === oid) && (isOurs || !published.has(oid)),
  );
  return [
    ...surplus.map(({ sql }) => ({
      statement: `ALTER PUBLICATION ${quoted} DROP TABLE ONLY ${sql}`,
      problem: `the publication ${name} must not contain the table ${sql}`,
      isOurs,
    })),
    ...missing.map((table) => ({
      statement: `ALTER PUBLICATION ${quoted} ADD TABLE ONLY ${table.sql}`,
      problem: `the publication ${name} does not contain the table ${table.name}, so its changes are not written`,
      isOurs: true,
    })),
    ...((row["pubviaroot"] === "t") === viaRoot
      ? []
      : [
          {
            statement: `ALTER PUBLICATION ${quoted} SET (publish_via_partition_root = ${viaRoot})`,
            problem: `the publication ${name} does not have publish_via_partition_root = ${viaRoot}`,
            isOurs,
          },
        ]),
  ];
}

/** A publication without tables is created as well: the slot that is created after it can read tables that are added. */
function creation(
  { name, isInserts, viaRoot, comment }: WantedPublication,
  tables: readonly Candidate[],
): Repair[] {
  const quoted = quoteIdentifier(name);
  const list = tables.length > 0 ? `FOR TABLE ${tables.map(({ sql }) => `ONLY ${sql}`).join(", ")} ` : "";
  const parameters = [
    `publish_via_partition_root = ${viaRoot}`,
    ...(isInserts ? ["publish = 'insert'"] : []),
  ];
  return [
    {
      statement: `CREATE PUBLICATION ${quoted} ${list}WITH (${parameters.join(", ")})`,
      problem: `the publication ${name} does not exist`,
      isOurs: true,
    },
    {
      statement: `COMMENT ON PUBLICATION ${quoted} IS ${quoteLiteral(comment)}`,
      problem: `the publication ${name} has no comment`,
      isOurs: true,
    },
  ];
}
