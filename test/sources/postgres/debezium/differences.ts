// Finds the differences between a record of Debezium and one of Onramp.

import type { ZooRecord } from "./zoo.ts";

/**
 * JSON whose strings and integers are the text as it was written, so that nothing is rounded, and escapes are compared too.
 * Floating point numbers are numbers: Java spells them differently.
 */
export type Exact = string | number | boolean | null | readonly Exact[] | { readonly [name: string]: Exact };

/** A difference. A side that has no such member is undefined. */
export interface Difference {
  readonly topic: string;
  /** The key that Onramp wrote. */
  readonly key: string | null;
  /** The `op` of the record; undefined for a tombstone. */
  readonly op: string | undefined;
  /** Such as `key`, `after.c_date` or `header.__debezium.newkey`. */
  readonly path: string;
  readonly debezium: Exact | undefined;
  readonly onramp: Exact | undefined;
}

/** A record of Debezium. Long texts of some were replaced by their length and their beginning. */
export interface GoldenRecord extends ZooRecord {
  readonly value_shortened?: true;
}

/** A string, or a number. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** Parses JSON exactly. */
export function exact(text: string): Exact {
  return JSON.parse(
    text.replace(TOKEN, (token) => (/^[^"].*[.eE]/.test(token) ? token : JSON.stringify(token))),
  );
}

/** The name of a member, which `exact` leaves quoted. */
const nameOf = (token: string): string => JSON.parse(token);

/** Members that differ in each run: what is compared of them. */
const VOLATILE: Readonly<Record<string, RegExp>> = {
  "source.version": /[^"]+/g,
  "source.ts_ms": /\d+/g,
  "source.ts_us": /\d+/g,
  "source.ts_ns": /\d+/g,
  "source.txId": /\d+/g,
  "source.lsn": /\d+/g,
  "source.sequence": /\d+/g,
  ts_ms: /\d+/g,
  ts_us: /\d+/g,
  ts_ns: /\d+/g,
  "header.__debezium.context.runId": /[0-9a-f]+/g,
};

/** The places of rows in a snapshot depend on the order of the tables. */
const PLACE = /^"(first|first_in_data_collection|true|last_in_data_collection|last)"$/;

/** Returns the differences between two records at the same place of a topic. */
export function differencesOf(golden: GoldenRecord, record: ZooRecord): Difference[] {
  const ours = exactValue(record.value);
  const op = isObject(ours) && typeof ours['"op"'] === "string" ? nameOf(ours['"op"']) : undefined;
  const found: Difference[] = [];
  const compare = (path: string, debezium: Exact | undefined, onramp: Exact | undefined): void => {
    if (isObject(debezium) && isObject(onramp)) return compareMembers(path, debezium, onramp);
    if (isSame(path, debezium, onramp, golden.value_shortened === true)) return;
    found.push({ topic: record.topic, key: record.key, op, path, debezium, onramp });
  };
  const compareMembers = (
    path: string,
    debezium: Readonly<Record<string, Exact>>,
    onramp: Readonly<Record<string, Exact>>,
  ): void => {
    const prefix = path === "" ? "" : `${path}.`;
    const names = [...new Set([...Object.keys(debezium), ...Object.keys(onramp)])];
    for (const name of names) compare(prefix + nameOf(name), debezium[name], onramp[name]);
    const shared = (side: object, other: object): string =>
      Object.keys(side)
        .filter((name) => name in other)
        .join();
    compare(`${path} (order)`, shared(debezium, onramp), shared(onramp, debezium));
  };
  compare("key", golden.key, record.key);
  compare("", exactValue(golden.value), ours);
  compareMembers("header", headersOf(golden), headersOf(record));
  return found;
}

const exactValue = (text: string | null): Exact => (text === null ? null : exact(text));

const headersOf = ({ headers }: ZooRecord): Record<string, Exact> =>
  Object.fromEntries(headers.map(([name, value]) => [JSON.stringify(name), value]));

const isObject = (value: Exact | undefined): value is { readonly [name: string]: Exact } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isSame(
  path: string,
  debezium: Exact | undefined,
  onramp: Exact | undefined,
  isShortened: boolean,
): boolean {
  if (isShortened && isObject(debezium) && typeof onramp === "string") {
    const text = nameOf(onramp);
    return `${text.length}` === debezium['"len"'] && text.startsWith(nameOf(`${debezium['"head"']}`));
  }
  const stable = (value: Exact | undefined): Exact | undefined => {
    if (path === "source.snapshot" && PLACE.test(`${value}`)) return "a place";
    const volatile = VOLATILE[path];
    return volatile && typeof value === "string" ? value.replaceAll(volatile, "…") : value;
  };
  return JSON.stringify(stable(debezium)) === JSON.stringify(stable(onramp));
}
