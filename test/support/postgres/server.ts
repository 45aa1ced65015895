// PostgreSQL for tests, on a free port of 127.0.0.1.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { after, before } from "mocha";
import pg from "pg";
import { afterTest } from "../after-test.ts";
import { freePort } from "../net.ts";
import { until } from "../until.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { type ClusterOptions, createCluster, SUPERUSER } from "./cluster.ts";
import { endWithTests, isReady, killAll, releaseMemory } from "./processes.ts";

const run = promisify(execFile);

export interface PostgresOptions extends ClusterOptions {
  /** The major version. Default: Debian's newest on Apache Kafka, otherwise that of the development dependency. */
  readonly version?: number;
}

/** A server with an own cluster. */
export class Postgres {
  readonly port: number;
  /** The major version. */
  readonly version: number;
  readonly dataFolder: string;
  readonly #folder: string;
  readonly #binaries: Binaries;
  #child: ChildProcess | undefined;
  #backups = 0;

  constructor(binaries: Binaries, port: number, folder: string) {
    this.port = port;
    this.version = binaries.version;
    this.dataFolder = path.join(folder, "data");
    this.#folder = folder;
    this.#binaries = binaries;
  }

  /** `postgres://user:password@127.0.0.1:port/database`; default: the superuser's. */
  url(options: { user?: string; password?: string; database?: string } = {}): string {
    const { user, password, database } = { ...SUPERUSER, ...options };
    const [name, secret, path] = [user, password, database].map(encodeURIComponent);
    return `postgres://${name}:${secret}@127.0.0.1:${this.port}/${path}`;
  }

  /**
   * Runs SQL as the superuser, in a connection of its own. Without `values`, `text` may contain several statements.
   *
   * @returns the rows of the last statement
   */
  async sql(text: string, values?: unknown[], database?: string): Promise<pg.QueryResultRow[]> {
    const client = this.#client(database);
    await client.connect();
    try {
      const results = [await client.query(text, values)].flat();
      return results.at(-1)?.rows ?? [];
    } finally {
      await client.end();
    }
  }

  /** Removes all tables of the schema public. */
  async emptySchema(): Promise<void> {
    await this.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC");
  }

  /** A connection as the superuser, closed after the test. */
  async connect(database?: string): Promise<pg.Client> {
    const client = this.#client(database);
    await client.connect();
    afterTest(() => client.end());
    return client;
  }

  /** A client of the Unix socket. */
  #client(database: string = SUPERUSER.database): pg.Client {
    const { user } = SUPERUSER;
    const client = new pg.Client({
      host: this.#folder,
      port: this.port,
      user,
      database,
      application_name: "test",
    });
    // Without a listener, a connection that the server closes would end the tests. Its queries fail.
    client.on("error", () => undefined);
    return client;
  }

  /** Starts the server unless it runs, on the same port and data. Resolves when it accepts connections. */
  async start(): Promise<void> {
    if (this.#running) return;
    const logFile = path.join(this.#folder, "server.log");
    const log = openSync(logFile, "a");
    const args = ["-D", this.dataFolder, "-p", `${this.port}`, "-k", this.#folder];
    const { folder, user } = this.#binaries;
    const child = spawn(path.join(folder, "postgres"), args, {
      cwd: this.#folder,
      env: { PATH: process.env["PATH"], LC_ALL: "C" },
      stdio: ["ignore", log, log],
      ...user,
    });
    closeSync(log);
    await once(child, "spawn");
    this.#child = child;
    endWithTests(child);
    const ready = (): boolean => isReady(this.dataFolder, child);
    const late = await until(() => !this.#running || ready(), 60_000).catch((error: Error) => error);
    if (this.#running && !late) return;
    const printed = readFileSync(logFile, "utf8").split("\n").slice(-20).join("\n");
    const reason = late ? "is not ready" : `ended with ${child.exitCode ?? child.signalCode}`;
    throw new Error(`PostgreSQL ${reason}:\n${printed}`);
  }

  get #running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Stops the server. `fast` waits until the replication connections have received everything; `immediate` is a crash. */
  async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
    const child = this.#child;
    if (!child || !this.#running) return;
    const gone = once(child, "exit");
    child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await gone;
  }

  /** Ends all processes of the server with SIGKILL: a crash. */
  async kill(): Promise<void> {
    if (this.#child && this.#running) await killAll(this.#child);
  }

  /** Changes settings with ALTER SYSTEM. New sessions have them then; some settings need `stop` and `start`. */
  async set(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(settings))
      await this.sql(`ALTER SYSTEM SET ${name} = ${pg.escapeLiteral(value)}`);
    const loaded = await this.#loadTime();
    await this.sql("SELECT pg_reload_conf()");
    await until(async () => (await this.#loadTime()) !== loaded);
  }

  async #loadTime(): Promise<string> {
    const [row] = await this.sql("SELECT pg_conf_load_time()::text AS at");
    return row?.["at"];
  }

  /** Copies the data folder. @returns the copy @throws when the server runs */
  async backup(): Promise<string> {
    this.#assertStopped();
    const copy = path.join(this.#folder, `backup-${++this.#backups}`);
    await run("cp", ["-a", this.dataFolder, copy]);
    return copy;
  }

  /** Replaces the data folder with a copy that `backup` returned, of this server or another. @throws when the server runs */
  async restore(copy: string): Promise<void> {
    this.#assertStopped();
    rmSync(this.dataFolder, { recursive: true });
    await run("cp", ["-a", copy, this.dataFolder]);
  }

  #assertStopped(): void {
    if (this.#running) throw new Error("stop the server first");
  }

  /** Ends the server and deletes its files. */
  async remove(): Promise<void> {
    await this.stop("immediate");
    await releaseMemory(this.dataFolder);
    rmSync(this.#folder, { recursive: true });
  }
}

/** Starts a server with a new cluster; the caller removes it. */
export async function launchPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const binaries = await findBinaries(options.version);
  const folder = mkdtempSync(path.join(tmpdir(), "onramp-postgres-"));
  const server = new Postgres(binaries, await freePort(), folder);
  try {
    await createCluster(binaries, folder, options);
    await server.start();
    return server;
  } catch (error) {
    await server.remove();
    throw error;
  }
}

/** A server for one test, with a new cluster. */
export async function startPostgres(options?: PostgresOptions): Promise<Postgres> {
  const server = await launchPostgres(options);
  afterTest(() => server.remove());
  return server;
}

/** A server for a suite, with a new cluster; it is started before and removed after. */
export function usePostgres(options?: PostgresOptions): () => Postgres {
  let server: Postgres | undefined;
  before(async function () {
    // The first start of a further version installs it.
    this.timeout(120_000);
    server = await launchPostgres(options);
  });
  after(() => server?.remove());
  return () => {
    if (!server) throw new Error("PostgreSQL has not started yet");
    return server;
  };
}
