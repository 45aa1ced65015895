// Replays the records of the table `load` (load.ts) into a table, as a consumer does, and compares the two.

import type { PlacedRecord } from "../../../src/wire/record-batch-reader.ts";
import { headersOf } from "../read-back.ts";
import type { Postgres } from "./server.ts";

/** The value of a column that did not change and is stored out of line. */
const PLACEHOLDER = "__debezium_unavailable_value";
/** The number of faults of each kind that are shown. */
const SHOWN = 5;

interface Row {
  readonly id: number;
  readonly n: number;
  readonly note: string | null;
  readonly big: string | null;
}

/** What the records of a topic result in. */
export interface Replayed {
  readonly rows: ReadonlyMap<string, Row>;
  /** The changes of the stream, as `history` has them, with how often each occurs. */
  readonly changes: ReadonlyMap<string, number>;
  /** The number of changes of the stream, of rows of the snapshot, and of those that came after a change with the same version. */
  readonly counts: { readonly changes: number; readonly reads: number; readonly completed: number };
  /** What a consumer must never see: a change twice, an older version after a newer one, a wrong value. */
  readonly faults: readonly string[];
}

/** Replays records in order. */
export function replay(records: readonly PlacedRecord[]): Replayed {
  const rows = new Map<string, Row>();
  /** Rows whose key changes, by the new key, until the record with that comes. */
  const moved = new Map<string, Row | undefined>();
  const [newest, changes, seen] = [new Map<string, number>(), new Map<string, number>(), new Set<string>()];
  /** The values of `big` by version: a version has one. */
  const values = new Map<number, string | null>();
  const faults: string[] = [];
  let [reads, completed] = [0, 0];
  for (const record of records) {
    if (!record.value) continue;
    const key = String(record.key);
    const { op, source, after } = JSON.parse(String(record.value));
    const fault = (text: string): void =>
      void faults.push(`${text}: ${op} ${key} n=${after?.n} at offset ${record.offset}`);
    if (op === "r") reads++;
    else {
      const change = op === "d" ? `d ${JSON.parse(key).id}` : `${op} ${after.id} ${after.n}`;
      changes.set(change, (changes.get(change) ?? 0) + 1);
      const identity = `${source.txId} ${source.lsn} ${op} ${key}`;
      if (seen.has(identity)) fault("written twice");
      seen.add(identity);
    }
    const before = rows.get(key);
    const headers = headersOf(record);
    if (op === "d") {
      const target = headers["__debezium.newkey"];
      if (target !== undefined) moved.set(target, before);
      rows.delete(key);
      continue;
    }
    const version = newest.get(key) ?? 0;
    if (op === "r" && before ? after.n < version : after.n <= version) fault(`older than n=${version}`);
    if (op === "r" && after.n === version) completed++;
    newest.set(key, after.n);
    const isMoved = headers["__debezium.oldkey"] !== undefined;
    const old = isMoved ? moved.get(key) : op === "c" ? undefined : before;
    if (isMoved && !moved.delete(key)) fault("moved without a delete");
    if (after.big === PLACEHOLDER && (op === "r" || (op === "c" && !isMoved))) fault("no value");
    const row: Row = after.big === PLACEHOLDER && old ? { ...after, big: old.big } : after;
    rows.set(key, row);
    if (row.big === PLACEHOLDER) continue;
    if ((values.get(row.n) ?? row.big) !== row.big) fault(`another value than ${show(values.get(row.n))}`);
    values.set(row.n, row.big);
  }
  return { rows, changes, counts: { changes: seen.size, reads, completed }, faults };
}

/** Returns what differs between the records and the server: faults of the records, changes, rows and values. Empty: nothing. */
export async function differences(postgres: Postgres, replayed: Replayed): Promise<string[]> {
  const { rows, changes, faults } = replayed;
  const kinds: Record<string, string[]> = {
    "the topic": [...faults],
    lost: [],
    "not committed": [],
    rows: [],
  };
  const add = (kind: string, text: string): void => void kinds[kind]?.push(text);
  const left = new Map(changes);
  for (const { change, count } of await postgres.sql(
    "SELECT change, count(*)::int AS count FROM history GROUP BY change",
  )) {
    const difference = (left.get(change) ?? 0) - count;
    left.delete(change);
    if (difference !== 0) add(difference < 0 ? "lost" : "not committed", `${change} (${difference})`);
  }
  for (const [change, count] of left) add("not committed", `${change} (${count})`);
  const other = new Map(rows);
  for (const row of await postgres.sql("SELECT id::int, n, note, big FROM load ORDER BY id")) {
    const key = JSON.stringify({ id: row["id"] });
    const own = other.get(key);
    other.delete(key);
    if (!own || JSON.stringify(own) !== JSON.stringify(row))
      add("rows", `${show(own)} instead of ${show(row)}`);
  }
  for (const row of other.values()) add("rows", `${show(row)} instead of none`);
  return Object.entries(kinds).flatMap(([kind, all]) =>
    all.length > 0 ? [`${all.length} of ${kind}:`, ...all.slice(0, SHOWN)] : [],
  );
}

const show = (row: unknown): string =>
  row !== undefined
    ? JSON.stringify(row, (_, value) => (typeof value === "string" ? value.slice(0, 40) : value))
    : "no row";
