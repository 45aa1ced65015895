// Decodes the messages of PostgreSQL's output plugin pgoutput, protocol version 1:
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html

/** The value of a column that an UPDATE did not change and that is stored out of line (TOAST): the server does not send it. */
export const UNCHANGED = Symbol("unchanged TOAST value");

/** The values of a row, in the order of the columns of its relation. A string is PostgreSQL's text of the value. */
export type Tuple = readonly (string | null | typeof UNCHANGED)[];

export interface RelationColumn {
  readonly isKey: boolean;
  readonly name: string;
  readonly typeOid: number;
  /** The type modifier; -1 when there is none. */
  readonly modifier: number;
}

/** How PostgreSQL identifies the rows of a table: default (the primary key), nothing, full (all columns), an index. */
export type ReplicaIdentity = "d" | "n" | "f" | "i";

export interface Relation {
  readonly kind: "relation";
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly identity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

export interface Begin {
  readonly kind: "begin";
  /** The position of the commit record of the transaction. */
  readonly commitLsn: bigint;
  /** Microseconds since 2000. */
  readonly committedAt: bigint;
  readonly xid: number;
}

export interface Commit {
  readonly kind: "commit";
  readonly commitLsn: bigint;
  /** The position after the commit record. */
  readonly endLsn: bigint;
}

export interface Insert {
  readonly kind: "insert";
  readonly oid: number;
  readonly row: Tuple;
}

export interface Update {
  readonly kind: "update";
  readonly oid: number;
  /** The old row: with its key columns only, or complete with the replica identity FULL; undefined when the key did not change. */
  readonly old: { readonly row: Tuple; readonly isComplete: boolean } | undefined;
  readonly row: Tuple;
}

export interface Delete {
  readonly kind: "delete";
  readonly oid: number;
  readonly old: { readonly row: Tuple; readonly isComplete: boolean };
}

export interface Truncate {
  readonly kind: "truncate";
  readonly oids: readonly number[];
}

export interface LogicalMessage {
  readonly kind: "message";
  readonly isTransactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  readonly content: Buffer;
}

export type PgOutput =
  | Relation
  | Begin
  | Commit
  | Insert
  | Update
  | Delete
  | Truncate
  | LogicalMessage
  | { readonly kind: "origin"; readonly name: string }
  | { readonly kind: "type" };

/** @param at where the message begins @throws Error for an incomplete message, or one that protocol version 1 does not have */
export function decodePgOutput(frame: Buffer, at: number): PgOutput {
  const reader = new Reader(frame, at);
  const code = reader.byte();
  switch (code) {
    case 0x42: // B
      return { kind: "begin", commitLsn: reader.uint64(), committedAt: reader.int64(), xid: reader.uint32() };
    case 0x43: // C
      reader.byte();
      return { kind: "commit", commitLsn: reader.uint64(), endLsn: reader.uint64() };
    case 0x49: {
      // I
      const oid = reader.uint32();
      reader.byte();
      return { kind: "insert", oid, row: reader.tuple() };
    }
    case 0x55: // U
      return update(reader);
    case 0x44: {
      // D
      const oid = reader.uint32();
      const isComplete = reader.byte() === FULL_ROW;
      return { kind: "delete", oid, old: { row: reader.tuple(), isComplete } };
    }
    case 0x52: // R
      return relation(reader);
    case 0x54: {
      // T
      const count = reader.uint32();
      reader.byte();
      // The count is not trusted: an array of that length could take more memory than there is.
      const oids: number[] = [];
      for (let n = 0; n < count; n++) oids.push(reader.uint32());
      return { kind: "truncate", oids };
    }
    case 0x4d: {
      // M
      const isTransactional = (reader.byte() & 1) === 1;
      const [lsn, prefix] = [reader.uint64(), reader.text()];
      return { kind: "message", isTransactional, lsn, prefix, content: reader.bytes(reader.uint32()) };
    }
    case 0x4f: // O
      reader.uint64();
      return { kind: "origin", name: reader.text() };
    case 0x59: // Y
      return { kind: "type" };
    default:
      throw new Error(`pgoutput sent an unknown message (0x${code.toString(16)})`);
  }
}

const [KEY, FULL_ROW] = [0x4b, 0x4f]; // K, O

function update(reader: Reader): Update {
  const oid = reader.uint32();
  const part = reader.byte();
  const isOld = part === KEY || part === FULL_ROW;
  const old = isOld ? { row: reader.tuple(), isComplete: part === FULL_ROW } : undefined;
  if (isOld) reader.byte();
  const row = reader.tuple();
  // With the replica identity FULL, the server does not send unchanged TOAST values again: the old row has them.
  return { kind: "update", oid, old, row: old?.isComplete ? withUnchanged(row, old.row) : row };
}

/** Returns a row with the values of another one where its own did not change. */
export const withUnchanged = (row: Tuple, other: Tuple): Tuple =>
  row.includes(UNCHANGED) ? row.map((value, n) => (value === UNCHANGED ? (other[n] ?? null) : value)) : row;

function relation(reader: Reader): Relation {
  const oid = reader.uint32();
  // An empty namespace means pg_catalog.
  const [schema, name] = [reader.text() || "pg_catalog", reader.text()];
  const identity = String.fromCharCode(reader.byte()) as ReplicaIdentity;
  const columns = Array.from({ length: reader.uint16() }, () => ({
    isKey: (reader.byte() & 1) === 1,
    name: reader.text(),
    typeOid: reader.uint32(),
    modifier: reader.int32(),
  }));
  return { kind: "relation", oid, schema, name, identity, columns };
}

class Reader {
  readonly #frame: Buffer;
  #at: number;

  constructor(frame: Buffer, at: number) {
    this.#frame = frame;
    this.#at = at;
  }

  byte(): number {
    return this.#frame.readUInt8(this.#take(1));
  }
  uint16(): number {
    return this.#frame.readUInt16BE(this.#take(2));
  }
  uint32(): number {
    return this.#frame.readUInt32BE(this.#take(4));
  }
  int32(): number {
    return this.#frame.readInt32BE(this.#take(4));
  }
  uint64(): bigint {
    return this.#frame.readBigUInt64BE(this.#take(8));
  }
  int64(): bigint {
    return this.#frame.readBigInt64BE(this.#take(8));
  }
  /** A text that ends with a zero byte. */
  text(): string {
    const end = this.#frame.indexOf(0, this.#at);
    if (end < 0) throw incomplete();
    const text = this.#frame.toString("utf8", this.#at, end);
    this.#at = end + 1;
    return text;
  }
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#frame.subarray(at, at + length);
  }

  tuple(): Tuple {
    const count = this.uint16();
    const row: (string | null | typeof UNCHANGED)[] = new Array(count);
    for (let n = 0; n < count; n++) {
      const kind = this.byte();
      if (kind === 0x74) {
        // t
        const length = this.uint32();
        const at = this.#take(length);
        row[n] = this.#frame.toString("utf8", at, at + length);
      } else if (kind === 0x6e) row[n] = null;
      else if (kind === 0x75) row[n] = UNCHANGED;
      else throw new Error(`pgoutput sent a value of an unknown format (0x${kind.toString(16)})`);
    }
    return row;
  }

  /** Moves past `size` bytes. @returns the position of the first one */
  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#frame.length) throw incomplete();
    this.#at = at + size;
    return at;
  }
}

const incomplete = (): Error => new Error("pgoutput sent an incomplete message");
