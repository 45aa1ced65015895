// Converts the changes of the stream to records.

import type { Header } from "../../../core/record.ts";
import type { SourceDraft } from "../../../core/source.ts";
import type { Delete, Insert, LogicalMessage, Tuple, Update } from "../stream/pgoutput.ts";
import { type Envelopes, type Operation, type Origin, unixUs } from "./envelope.ts";
import { keyJson, type Table } from "./table.ts";

export interface RecordRules {
  readonly envelopes: Envelopes;
  readonly topicPrefix: string;
  readonly tombstones: boolean;
  /** Headers of every record. */
  readonly headers: readonly Header[];
  now(): number;
}

/** A row with its place in a snapshot. */
export interface SnapshotRow {
  readonly row: Tuple;
  readonly place: Origin["snapshot"];
}

/** Writes the records of one run. */
export class ChangeRecords {
  readonly #rules: RecordRules;

  constructor(rules: RecordRules) {
    this.#rules = rules;
  }

  change(table: Table, change: Insert | Update | Delete, origin: Origin, lsn: string): SourceDraft[] {
    if (change.kind === "insert") return [this.#row("c", table, undefined, change.row, origin, lsn)];
    if (change.kind === "delete") return this.#delete(table, change.old, origin, lsn, []);
    const { old, row } = change;
    if (!old) return [this.#row("u", table, undefined, row, origin, lsn)];
    const [oldKey, newKey] = [keyJson(table, old.row), keyJson(table, row)];
    if (oldKey === newKey || oldKey === null || newKey === null)
      return [this.#row("u", table, old.isComplete ? old : undefined, row, origin, lsn)];
    // A change of the key is a delete and an insert, as Debezium writes it.
    const created = this.#row("c", table, undefined, row, origin, lsn, [header("__debezium.oldkey", oldKey)]);
    return [...this.#delete(table, old, origin, lsn, [header("__debezium.newkey", newKey)]), created];
  }

  truncate(table: Table, origin: Origin, lsn: string): SourceDraft {
    const { envelopes, headers, now } = this.#rules;
    return {
      topic: table.topic,
      key: null,
      value: envelopes.value("t", table, undefined, undefined, origin, lsn, now()),
      headers,
    };
  }

  /** @param origin undefined for a message outside of a transaction @param lastCommittedUs the time of the last commit, in microseconds since 1970 */
  message(
    { prefix, content, lsn }: LogicalMessage,
    origin: Origin | undefined,
    lastCommittedUs: bigint,
  ): SourceDraft {
    const { envelopes, topicPrefix, now } = this.#rules;
    const own = origin ?? {
      snapshot: "false",
      lastCommit: lsn,
      committedUs: lastCommittedUs,
      xid: undefined,
    };
    return {
      topic: `${topicPrefix}.message`,
      key: envelopes.messageKey(prefix),
      value: envelopes.message(prefix, content, own, `${lsn}`, now()),
    };
  }

  heartbeat(): SourceDraft {
    const { envelopes, topicPrefix, now } = this.#rules;
    return { topic: `__debezium-heartbeat.${topicPrefix}`, ...envelopes.heartbeat(topicPrefix, now()) };
  }

  /** @param origin that of the mark after the rows */
  snapshot(table: Table, rows: readonly SnapshotRow[], origin: Origin, lsn: string): SourceDraft[] {
    let own: Origin | undefined;
    return rows.map(({ row, place }) => {
      if (own?.snapshot !== place) own = { ...origin, snapshot: place, lastCommit: undefined };
      return this.#row("r", table, undefined, row, own, lsn);
    });
  }

  #delete(
    table: Table,
    old: { readonly row: Tuple; readonly isComplete: boolean },
    origin: Origin,
    lsn: string,
    more: readonly Header[],
  ): SourceDraft[] {
    const { envelopes, headers, tombstones, now } = this.#rules;
    const key = envelopes.key(table, old.row);
    const all = [...more, ...headers];
    const deleted = {
      topic: table.topic,
      key,
      value: envelopes.value("d", table, old, undefined, origin, lsn, now()),
      headers: all,
    };
    return key && tombstones ? [deleted, { topic: table.topic, key, value: null, headers: all }] : [deleted];
  }

  #row(
    operation: Operation,
    table: Table,
    old: { readonly row: Tuple; readonly isComplete: boolean } | undefined,
    row: Tuple,
    origin: Origin,
    lsn: string,
    more?: readonly Header[],
  ): SourceDraft {
    const { envelopes, headers, now } = this.#rules;
    return {
      topic: table.topic,
      key: envelopes.key(table, row),
      value: envelopes.value(operation, table, old, row, origin, lsn, now()),
      headers: more ? [...more, ...headers] : headers,
    };
  }
}

/** The origin of the changes of a transaction. */
export const originOf = (committedAt: bigint, xid: number, lastCommit: bigint | undefined): Origin => ({
  snapshot: "false",
  lastCommit,
  committedUs: unixUs(committedAt),
  xid,
});

/** Debezium writes characters beyond U+FFFF as they are in these headers, and escapes them in keys. */
const header = (key: string, json: string): Header => ({
  key,
  value: Buffer.from(
    json.replaceAll(/\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})/g, (_, high: string, low: string) =>
      String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)),
    ),
  ),
});
