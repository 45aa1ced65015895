// The PostgreSQL of the benchmark, its tables, and `pg_recvlogical`, which the source is compared with.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { findBinaries } from "../test/support/postgres/binaries.ts";
import { launchPostgres, type Postgres } from "../test/support/postgres/server.ts";
import { until } from "../test/support/until.ts";

const DEBIAN = "/usr/lib/postgresql";
/** How long the server may need to end what a connection has read, in milliseconds: it first decodes a large transaction. */
const END_MS = 60_000;
const NOTE_LENGTH = 60;
const ROW = `n, rpad(md5(n::text), ${NOTE_LENGTH}, md5(n::text)), (n % 1000000) / 100.0, now()`;

/** A server with a connection. */
export class Database {
  readonly name: string;
  readonly url: string;
  readonly #server: Postgres;
  readonly #client: pg.Client;
  readonly #recvlogical: string;

  private constructor(server: Postgres, folder: string) {
    this.name = `PostgreSQL ${server.version}`;
    this.url = server.url();
    this.#server = server;
    this.#client = new pg.Client(this.url);
    this.#recvlogical = path.join(folder, "pg_recvlogical");
  }

  /** Starts a server: Debian's if it is installed, otherwise the one from npm, which has no `pg_recvlogical`. */
  static async start(): Promise<Database> {
    if (existsSync(DEBIAN)) process.env["ONRAMP_TEST_POSTGRES"] ??= "debian";
    const { folder } = await findBinaries();
    const settings = {
      max_replication_slots: "100",
      max_wal_senders: "50",
      // Nothing else is to use the processors while something is measured.
      autovacuum: "off",
      checkpoint_timeout: "1h",
      max_wal_size: "20GB",
    };
    const database = new Database(await launchPostgres({ settings }), folder);
    await database.#client.connect();
    return database;
  }

  /** Whether `pg_recvlogical` is installed. */
  get hasPeer(): boolean {
    return existsSync(this.#recvlogical);
  }

  async stop(): Promise<void> {
    await this.#client.end();
    await this.#server.remove();
  }

  /** Creates a table, and its publication for `pg_recvlogical`, `<table>_peer`. */
  async createTable(table: string): Promise<void> {
    await this.query(
      `CREATE TABLE ${table} (id bigint PRIMARY KEY, note text, amount numeric(10,2), at timestamptz)`,
    );
    await this.query(`CREATE PUBLICATION ${table}_peer FOR TABLE ${table}`);
  }

  /** Inserts rows. @param perTransaction the number of rows of a transaction @returns the position after the last commit */
  async insert(table: string, rows: number, perTransaction: number): Promise<string> {
    for (let from = 1; from <= rows; from += perTransaction)
      await this.query(
        `INSERT INTO ${table} SELECT ${ROW} FROM generate_series(${from}, ${Math.min(rows, from + perTransaction - 1)}) AS n`,
      );
    const [row] = await this.query("SELECT pg_current_wal_lsn()::text AS lsn");
    // Also writes to the log, so that the end of what is read lies inside it: nothing waits for further entries.
    await this.query(`VACUUM ANALYZE ${table}`);
    return row?.["lsn"];
  }

  /** Inserts one row. Resolves when it is committed. */
  async insertOne(table: string, id: number): Promise<void> {
    await this.query(`INSERT INTO ${table} SELECT ${ROW} FROM generate_series(${id}, ${id}) AS n`);
  }

  async createSlot(slot: string): Promise<void> {
    await this.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  }

  /** Drops a slot, as soon as nothing reads it. */
  async dropSlot(slot: string): Promise<void> {
    await until(async () => {
      const [row] = await this.query(`SELECT active FROM pg_replication_slots WHERE slot_name = '${slot}'`);
      return row?.["active"] === false;
    }, END_MS);
    await this.query(`SELECT pg_drop_replication_slot('${slot}')`);
  }

  /**
   * Reads a slot with `pg_recvlogical` into a file, up to a position.
   *
   * @returns the seconds from the start of the process to its end
   */
  async receive(slot: string, table: string, endpos: string, rows: number): Promise<number> {
    const folder = mkdtempSync(path.join(tmpdir(), "onramp-bench-"));
    const file = path.join(folder, "changes");
    const options = ["-o", "proto_version=1", "-o", `publication_names=${table}_peer`];
    const args = ["-d", this.url, "-S", slot, "--start", "--no-loop", "--fsync-interval=0", ...options];
    try {
      const began = performance.now();
      const child = spawn(this.#recvlogical, [...args, `--endpos=${endpos}`, "-f", file], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      const [code] = await once(child, "exit");
      const seconds = (performance.now() - began) / 1000;
      if (code !== 0) throw new Error(`pg_recvlogical ended with ${code}`);
      if (statSync(file).size < rows * NOTE_LENGTH)
        throw new Error("pg_recvlogical did not receive all rows");
      return seconds;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  async query(text: string): Promise<pg.QueryResultRow[]> {
    return (await this.#client.query(text)).rows;
  }
}
