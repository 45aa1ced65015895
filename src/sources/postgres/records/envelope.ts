// Writes keys and values as Debezium's connector for PostgreSQL does:
// https://debezium.io/documentation/reference/3.7/connectors/postgresql.html#postgresql-change-events-value

import type { Tuple } from "../stream/pgoutput.ts";
import { POSTGRES_EPOCH_US } from "../stream/replication-stream.ts";
import { jsonString } from "../values/codec.ts";
import { keyWithSchema, messageWithSchema, valueWithSchema } from "./schemas.ts";
import { keyJson, rowJson, type Table } from "./table.ts";
import type { TextBuffer } from "./text-buffer.ts";

/** What the records say about the origin of a change. */
export interface Origin {
  /** As Debezium names it: "false" for a change of the stream, otherwise the place of the row in a snapshot. */
  readonly snapshot:
    | "false"
    | "true"
    | "first"
    | "first_in_data_collection"
    | "last_in_data_collection"
    | "last"
    | "incremental";
  /** The position after the last commit; undefined when none is known. */
  readonly lastCommit: bigint | undefined;
  /** Microseconds since 1970. */
  readonly committedUs: bigint;
  /** Undefined for a message outside of a transaction. */
  readonly xid: number | undefined;
}

export type Operation = "c" | "u" | "d" | "r" | "t";

/** @param committedAt microseconds since 2000 @returns microseconds since 1970 */
export const unixUs = (committedAt: bigint): bigint => committedAt + POSTGRES_EPOCH_US;

/** Debezium writes its own version. */
const VERSION = "onramp";

export interface EnvelopeRules {
  /** Debezium's `topic.prefix`. */
  readonly prefix: string;
  readonly database: string;
  /** Whether each record has the schema of Kafka Connect. */
  readonly schemas: boolean;
}

/** Writes the records of one source. */
export class Envelopes {
  readonly #head: string;
  readonly #database: string;
  readonly #schemas: boolean;
  readonly #texts: TextBuffer;
  #origin: Origin | undefined;
  #parts = { beforeLsn: "", afterLsn: "", tail: "" };

  /** @param texts encodes the keys and values: they are valid until its buffers are released */
  constructor({ prefix, database, schemas }: EnvelopeRules, texts: TextBuffer) {
    this.#texts = texts;
    this.#head = `"source":{"version":"${VERSION}","connector":"postgresql","name":${jsonString(prefix)},"ts_ms":`;
    this.#database = jsonString(database);
    this.#schemas = schemas;
  }

  key(table: Table, row: Tuple): Buffer | null {
    const json = keyJson(table, row);
    if (json === null) return null;
    return this.#texts.encode(this.#schemas ? keyWithSchema(table, json) : json);
  }

  /**
   * @param old the old row: complete, or only the columns of the replica identity
   * @param nowMs the time of the record
   */
  value(
    operation: Operation,
    table: Table,
    old: { readonly row: Tuple; readonly isComplete: boolean } | undefined,
    row: Tuple | undefined,
    origin: Origin,
    lsn: string,
    nowMs: number,
  ): Buffer {
    const { included, identity } = table;
    const sent = (isComplete: boolean) =>
      isComplete ? included : included.filter((n) => identity.includes(n));
    const before = old ? rowJson(table, old.row, sent(old.isComplete)) : "null";
    const after = row ? rowJson(table, row, included) : "null";
    const source = this.#source(origin, lsn, jsonString(table.schema), jsonString(table.name));
    const payload = `{"before":${before},"after":${after},${source},"transaction":null,"op":"${operation}","ts_ms":${nowMs},"ts_us":${nowMs}000,"ts_ns":${nowMs}000000}`;
    return this.#texts.encode(this.#schemas ? valueWithSchema(table, payload, old, row) : payload);
  }

  messageKey(prefix: string): Buffer {
    const json = `{"prefix":${jsonString(prefix)}}`;
    return this.#texts.encode(this.#schemas ? messageWithSchema("key", json) : json);
  }

  message(prefix: string, content: Buffer, origin: Origin, lsn: string, nowMs: number): Buffer {
    const source = this.#source(origin, lsn, '""', '""');
    const payload = `{"op":"m","ts_ms":${nowMs},${source},"transaction":null,"message":{"prefix":${jsonString(prefix)},"content":"${content.toString("base64")}"}}`;
    return this.#texts.encode(this.#schemas ? messageWithSchema("value", payload) : payload);
  }

  heartbeat(prefix: string, nowMs: number): { readonly key: Buffer; readonly value: Buffer } {
    const [key, value] = [`{"serverName":${jsonString(prefix)}}`, `{"ts_ms":${nowMs}}`];
    if (!this.#schemas) return { key: this.#texts.encode(key), value: this.#texts.encode(value) };
    return {
      key: this.#texts.encode(messageWithSchema("heartbeatKey", key)),
      value: this.#texts.encode(messageWithSchema("heartbeat", value)),
    };
  }

  #source(origin: Origin, lsn: string, schema: string, table: string): string {
    if (this.#origin !== origin) this.#setOrigin(origin);
    const { beforeLsn, afterLsn, tail } = this.#parts;
    return `${beforeLsn}${lsn}${afterLsn},"schema":${schema},"table":${table}${tail}${lsn},"xmin":null,"origin":null,"origin_lsn":null}`;
  }

  /** Prepares the parts that all changes of a transaction share. */
  #setOrigin(origin: Origin): void {
    const { snapshot, lastCommit, committedUs, xid } = origin;
    const last = lastCommit === undefined ? "null" : `\\"${lastCommit}\\"`;
    this.#origin = origin;
    this.#parts = {
      beforeLsn: `${this.#head}${committedUs / 1000n},"snapshot":"${snapshot}","db":${this.#database},"sequence":"[${last},\\"`,
      afterLsn: `\\"]","ts_us":${committedUs},"ts_ns":${committedUs}000`,
      tail: `,"txId":${xid ?? "null"},"lsn":`,
    };
  }
}
