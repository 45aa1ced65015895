// Connections to PostgreSQL. The only file that uses `pg`, and that depends on its inner parts (of pg 8): it takes the socket of a
// connection that is logged in.

import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { untilAborted } from "../../../core/time.ts";
import type { Server } from "./server.ts";

/** A row as text: PostgreSQL's output of each value. */
export type Row = Readonly<Record<string, string | null>>;

/** How long a connection attempt may take, in milliseconds. */
const CONNECT_MS = 10_000;

/**
 * The settings of a session. With them, the same value has the same text in a query and in the stream. `row_security=off` makes a
 * query fail that a policy would filter: it would otherwise return fewer rows than the stream has.
 */
const SETTINGS = [
  "TimeZone=UTC",
  "DateStyle=ISO",
  "IntervalStyle=postgres",
  "extra_float_digits=1",
  "bytea_output=hex",
  "lc_monetary=C",
  "xmlbinary=base64",
  "row_security=off",
  "search_path=pg_catalog",
  // The mark of a chunk is a commit, too: it does not wait for a synchronous standby.
  "synchronous_commit=local",
  "statement_timeout=0",
  "idle_in_transaction_session_timeout=0",
  "idle_session_timeout=0",
  "tcp_keepalives_idle=10",
].map((setting) => `-c ${setting}`);

interface Inner {
  readonly connection: { readonly stream: Socket };
  readonly processID: number;
}

/** A session. */
export class Session {
  readonly #client: pg.Client;
  /** Rejected when the connection is lost. */
  readonly lost: Promise<never>;
  /** When the current statement began (`Date.now`). */
  #began: number | undefined;
  /** Settled when the last statement has ended. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(client: pg.Client) {
    this.#client = client;
    this.lost = new Promise((_, reject) => {
      client.on("error", reject);
      client.on("end", () => reject(new Error("PostgreSQL closed the connection")));
    });
    this.lost.catch(() => {});
  }

  /**
   * Connects and logs in.
   *
   * @param applicationName the name that PostgreSQL shows in pg_stat_activity
   * @param lockTimeoutMs how long a statement waits for a lock
   * @param isReplication whether the session can run replication commands
   * @throws the error of PostgreSQL or of the network; the reason of `signal`
   */
  static async open(
    server: Server,
    applicationName: string,
    lockTimeoutMs: number,
    isReplication: boolean,
    signal: AbortSignal,
  ): Promise<Session> {
    let failure: unknown;
    for (const ssl of server.tls) {
      const client = new pg.Client(configOf(server, applicationName, lockTimeoutMs, isReplication, ssl));
      client.on("error", () => {});
      try {
        const connected = client.connect();
        await untilAborted(connected, signal);
        const session = new Session(client);
        // Servers before 17 refuse a connection that names this setting.
        await session.query(
          "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'",
        );
        return session;
      } catch (error) {
        (client as unknown as Inner).connection.stream.destroy();
        signal.throwIfAborted();
        // Report the first failure, unless it only says that the server has no TLS.
        failure = failure === undefined || isWithoutTls(failure) ? error : failure;
        if (!mayTryAgain(error)) break;
      }
    }
    throw failure;
  }

  /** The process of the server for this session. */
  get pid(): number {
    return (this.#client as unknown as Inner).processID;
  }

  /** Runs one statement, after those before it. @throws the error of PostgreSQL or of the network */
  query(text: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#run<Row>({ text, ...(values ? { values: [...values] } : {}), types });
  }

  /** As `query`. @returns the values of each row, in the order of the columns */
  rows(text: string, values?: readonly unknown[]): Promise<(string | null)[][]> {
    const parameters = values ? { values: [...values] } : {};
    return this.#run<(string | null)[]>({ text, ...parameters, types, rowMode: "array" });
  }

  /** How long the current statement has been running, in milliseconds; 0 when there is none. */
  get busyMs(): number {
    return this.#began === undefined ? 0 : Date.now() - this.#began;
  }

  async #run<R>(query: pg.QueryConfig | pg.QueryArrayConfig): Promise<R[]> {
    const before = this.#last;
    const result = (async () => {
      await before;
      this.#began = Date.now();
      return this.#client.query(query as pg.QueryConfig).finally(() => {
        this.#began = undefined;
      });
    })();
    this.#last = result.catch(() => {});
    return (await result).rows as R[];
  }

  /** Takes the socket. The session runs no statement after that. */
  takeSocket(): Socket {
    const { stream } = (this.#client as unknown as Inner).connection;
    for (const event of ["data", "end", "close"]) stream.removeAllListeners(event);
    return stream;
  }

  /** Ends the session at once, also during a statement. */
  close(): void {
    const { stream } = (this.#client as unknown as Inner).connection;
    if (stream.writable) stream.end(TERMINATE);
    stream.destroySoon();
  }
}

/** The message Terminate. */
const TERMINATE = Buffer.from("X\0\0\0\x04", "latin1");

const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

function configOf(
  { host, port, database, user, password }: Server,
  applicationName: string,
  lockTimeoutMs: number,
  isReplication: boolean,
  ssl: ConnectionOptions | false,
): pg.ClientConfig {
  const more = { ...(isReplication ? { replication: "database" } : {}) };
  return {
    host,
    port,
    database,
    user,
    // Without a password, pg would read ~/.pgpass.
    password: password ?? "",
    ssl: ssl as pg.ClientConfig["ssl"],
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: [...SETTINGS, `-c lock_timeout=${lockTimeoutMs}`].join(" "),
    ...more,
  } as pg.ClientConfig;
}

const isWithoutTls = (error: unknown): boolean =>
  error instanceof Error && error.message.includes("does not support SSL");

/** Whether the other way, with or without TLS, can succeed: the server may demand TLS (28000) or may not have it. */
function mayTryAgain(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return isWithoutTls(error) || code === "28000" || /SSL|TLS|certificate/i.test(String(error));
}
