// What differs from Debezium on purpose, with the reasons. docs/compatibility.md has the same list.

import { isDeepStrictEqual } from "node:util";
import { type Difference, exact, type GoldenRecord } from "./differences.ts";

/** A record of Debezium that Onramp does not write. */
export interface MissingRecord {
  readonly reason: string;
  matches(record: GoldenRecord): boolean;
}

/** A difference between two records. */
export interface Deviation {
  readonly reason: string;
  matches(difference: Difference): boolean;
}

const inTopic =
  (pattern: RegExp) =>
  ({ topic }: GoldenRecord): boolean =>
    pattern.test(topic);

export const MISSING_RECORDS: readonly MissingRecord[] = [
  {
    reason: "two tables with one topic are refused, so that one of them is excluded here",
    matches: ({ value }) => value?.includes('"table":"a b"') === true,
  },
  {
    reason: "a tombstone without a key deletes nothing, so none is written for a table without a key",
    matches: ({ topic, key, value }) => topic === "zoo.public.nokey" && key === null && value === null,
  },
  {
    reason: "a table that was created while changes are streamed is added, and read, once a minute",
    matches: inTopic(/^zoo\.public\.newborn/),
  },
  {
    reason: "PostgreSQL publishes no changes of unlogged tables, so their rows are not read either",
    matches: inTopic(/^zoo\.public\.unlog$/),
  },
  {
    reason: "heartbeats are optional, and are not requested here",
    matches: inTopic(/^__debezium-heartbeat\.zoo$/),
  },
];

/** A column of `types`, and what Onramp writes, as JSON, by id; the row that was streamed has the id + 1000. */
type Values = Readonly<Record<number, string>>;

/** @param ops the operations that differ; default: those of the snapshot and of the stream */
const ofValue = (
  reason: string,
  column: string,
  values: Values,
  ops: readonly string[] = ["r", "c"],
): Deviation => ({
  reason,
  matches({ topic, key, op, path, onramp }) {
    if (topic !== "zoo.public.types" || path !== `after.${column}` || !ops.includes(op ?? "")) return false;
    const json = values[JSON.parse(key ?? "{}").id % 1000];
    return json !== undefined && isDeepStrictEqual(onramp, exact(json));
  },
});

const NESTED = "Debezium writes null or a Java hash code for an array in an array";

/** The first one that matches a difference explains it. */
export const DEVIATIONS: readonly Deviation[] = [
  {
    reason:
      "before of a delete has the columns that PostgreSQL sends; Debezium invents values for the others",
    matches: ({ op, path, onramp }) => op === "d" && path.startsWith("before.") && onramp === undefined,
  },
  {
    reason: "NULL stays NULL; Debezium writes the default of the column",
    matches: ({ topic, path, onramp }) =>
      /^zoo\.public\.(defaults|alt)$/.test(topic) && path.startsWith("after.") && onramp === null,
  },
  {
    reason:
      "the key is that of the stream; Debezium loses it when the table has been renamed or dropped since",
    matches: ({ topic, path, debezium }) =>
      /^zoo\.public\.(alt|drop)_race$/.test(topic) && path === "key" && debezium === null,
  },
  {
    reason:
      "the key of a table with REPLICA IDENTITY USING INDEX is that index; Debezium invents its primary key",
    matches: ({ topic, path }) =>
      topic === "zoo.public.idx_ident" && /^(key|header\.__debezium\.(new|old)key)$/.test(path),
  },
  {
    reason: "the rows of a table without a key are read at once, outside of a transaction of the stream",
    matches: ({ topic, op, path, onramp }) =>
      topic.startsWith("zoo.public.nokey") && op === "r" && path === "source.txId" && onramp === null,
  },
  {
    reason: "the first change has a last commit, because the snapshot has written to the stream",
    matches: ({ op, path, debezium }) =>
      op === "c" && path === "source.sequence" && `${debezium}`.startsWith('"[null,'),
  },
  {
    reason: "Debezium leaves out columns of unknown types; Onramp writes PostgreSQL's text",
    matches: ({ path, debezium, onramp }) =>
      path === "after.c_composite" &&
      debezium === undefined &&
      [null, '"(1,x)"', '"(,)"', '"(-1,\\"a \\"\\"b\\"\\", (c)\\")"'].includes(onramp as string | null),
  },
  ofValue("infinite dates are ordinary dates in Debezium", "c_date", { 15: "2147483647", 25: "-2147483648" }),
  ofValue(
    "dates before 1582-10-15 are Julian in Debezium's snapshot",
    "c_date",
    { 6: "-2440550", 40: "-735160", 41: "-719163", 45: "-141437" },
    ["r"],
  ),
  ofValue("timestamps beyond 64 bits overflow in Debezium", "c_timestamp", { 7: "9224318015999999999" }),
  ofValue("offsets with seconds are null in Debezium", "c_timetz", { 60: '"10:57:57Z"' }),
  ofValue("long intervals are rounded in Debezium", "c_interval", { 4: "315575962199999999" }),
  ofValue("Debezium writes -infinity in an array as a date, and loses BC", "c_timestamptz_arr", {
    30: '["-infinity"]',
    99: '["-0043-03-15T12:00:00.000000Z","9999-12-31T23:59:59.999999Z","2024-01-01T00:00:00.100000Z"]',
  }),
  ofValue("an array with NaN or Infinity is null in Debezium", "c_numeric_arr", {
    38: '["NAN","1.5",null]',
    39: '["POSITIVE_INFINITY","NEGATIVE_INFINITY"]',
  }),
  ofValue(NESTED, "c_int_arr", { 93: "[[1,2],[3,4]]" }),
  ofValue(NESTED, "c_text_arr", { 94: '[["a","b"],["c",null]]' }),
  ofValue(NESTED, "c_numeric_arr", { 95: '[["1.5"],["2.5"]]' }),
  ofValue(NESTED, "c_timestamptz_arr", { 96: '[["2024-01-01T00:00:00.000000Z"],[null]]' }),
  ofValue(NESTED, "c_uuid_arr", { 97: '[["00000000-0000-0000-0000-000000000000"]]' }),
  ofValue("Debezium orders the keys of an hstore as a Java HashMap does", "c_hstore", {
    112: String.raw`"{\"nl\":\"a\\nb\",\"emo\":\"\uD83D\uDE00\",\"k\\\"1\":\"v\\\\\\\"2\",\"NULL\":\"NULL\",\"empty\":\"\"}"`,
  }),
  {
    reason: "floating point numbers have the shortest text of PostgreSQL, which differs from Java's",
    matches: ({ topic, path, debezium, onramp }) =>
      topic === "zoo.public.types" &&
      path === "after.c_real" &&
      Math.fround(Number(debezium)) === Math.fround(Number(onramp)),
  },
];
