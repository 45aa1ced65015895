// A load of changes for the table `load`: of every kind that a source must follow, in transactions of 1 to 5,000 rows.

import pg from "pg";
import { afterTest } from "../after-test.ts";
import { until } from "../until.ts";
import type { Postgres } from "./server.ts";

/** The most rows of a transaction. */
const MAX_ROWS = 5000;
/** The `application_name` of the connections. */
export const LOAD_NAME = "load";
/** How long a client may wait for PostgreSQL, and for a higher limit, in milliseconds. */
const WAIT_MS = 600_000;

/**
 * Each version of a row has a number of its own in `n`; later versions have higher ones. A third of the values of `big` has 6 to 10 kB
 * and is stored out of line. `history` has the committed changes, as records have them: a change of the key is `d` and `c`.
 */
const TABLES = `
  CREATE SEQUENCE versions AS int;
  CREATE FUNCTION big_value(n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE n % 3 WHEN 0 THEN repeat(md5(n::text), 190 + n / 3 % 120) WHEN 1 THEN 'short ' || n END $$;
  CREATE TABLE load (id bigint PRIMARY KEY, n int NOT NULL, note text, big text);
  ALTER TABLE load ALTER big SET STORAGE EXTERNAL;
  CREATE TABLE history (change text NOT NULL);
  CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' AND OLD.id = NEW.id THEN
        INSERT INTO history VALUES ('u ' || NEW.id || ' ' || NEW.n);
        RETURN NULL;
      END IF;
      IF TG_OP <> 'INSERT' THEN INSERT INTO history VALUES ('d ' || OLD.id); END IF;
      IF TG_OP <> 'DELETE' THEN INSERT INTO history VALUES ('c ' || NEW.id || ' ' || NEW.n); END IF;
      RETURN NULL;
    END $$`;
const TRIGGER =
  "CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON load FOR EACH ROW EXECUTE FUNCTION remember()";

const NEXT = "nextval('versions')::int";
const newRows = (keys: string): string =>
  `SELECT id, n, 'new ' || n, big_value(n) FROM (SELECT id, ${NEXT} AS n FROM unnest(${keys}) AS id OFFSET 0) AS row`;
const insert = `INSERT INTO load ${newRows("$1::bigint[]")} ON CONFLICT DO NOTHING`;
const update = `UPDATE load SET n = ${NEXT}, note = 'changed ' || id WHERE id = ANY($1::bigint[])`;
const updateBig = `UPDATE load SET n = ${NEXT}, big = big_value(${NEXT}) WHERE id = ANY($1::bigint[])`;
const remove = "DELETE FROM load WHERE id = ANY($1::bigint[])";
const moveWith = (more: string): string =>
  `UPDATE load SET id = target, n = ${NEXT}${more} FROM unnest($1::bigint[], $2::bigint[]) AS moved (source, target)
   WHERE id = source AND NOT EXISTS (SELECT FROM load AS other WHERE other.id = target)`;
const [move, moveBig] = [moveWith(""), moveWith(`, big = big_value(${NEXT})`)];

interface Statement {
  readonly sql: string;
  readonly values: readonly (readonly number[])[];
  /** Whether its rows are changes that last. */
  readonly counts: boolean;
}

const on = (sql: string, ...values: readonly number[][]): Statement => ({ sql, values, counts: true });
const control = (sql: string): Statement => ({ sql, values: [], counts: false });

/** Random numbers from 0 to 1 that are the same in every run (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface LoadOptions {
  /** The number of rows before the start. Others are inserted and moved between them and after them. */
  readonly rows: number;
  readonly seed: number;
  /** The number of connections that change rows; none changes rows of another one. */
  readonly clients: number;
}

/** Changes the table until it is stopped. It continues when PostgreSQL is killed, without knowing the outcome of the last commit. */
export class Load {
  readonly #postgres: Postgres;
  readonly #options: LoadOptions;
  readonly #clients = new Map<number, pg.Client>();
  #running: readonly Promise<void>[] = [];
  #isStopped = false;
  #failure: unknown;
  #changed = 0;
  /** The clients pause when this number of changes is reached, except for a requested transaction. */
  limit = Number.POSITIVE_INFINITY;
  /** Set to request a transaction of 5,000 rows; reset when it was committed. */
  isLargestNext = false;

  constructor(postgres: Postgres, options: LoadOptions) {
    this.#postgres = postgres;
    this.#options = options;
  }

  /** Creates the table with its first rows: every second key of each client. */
  async create(): Promise<void> {
    const { rows, clients } = this.#options;
    const keys = `SELECT 1 + n / ${clients} * ${2 * clients} + n % ${clients} FROM generate_series(0, ${rows - 1}) AS n`;
    await this.#postgres.sql(TABLES);
    await this.#postgres.sql(`INSERT INTO load ${newRows(`ARRAY(${keys})`)}`);
    await this.#postgres.sql(TRIGGER);
  }

  /** The number of changes that are known to be committed. @throws when the load has failed */
  get changed(): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#changed;
  }

  start(): void {
    const fail = (error: unknown): void => {
      this.#failure ??= error;
    };
    this.#running = Array.from({ length: this.#options.clients }, (_, n) => this.#run(n).catch(fail));
    afterTest(() => {
      this.#isStopped = true;
      for (const client of this.#clients.values()) void client.end().catch(() => undefined);
    });
  }

  /** Resolves when the transactions in flight have ended. @throws when the load has failed */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
    await Promise.all([...this.#clients.values()].map((client) => client.end()));
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Writes a row as the last change. @returns a position in the write-ahead log that is before its commit */
  async mark(): Promise<string> {
    const [row] = await this.#postgres.sql(
      `INSERT INTO load VALUES (0, ${NEXT}, 'marker') RETURNING pg_current_wal_insert_lsn()::text AS lsn`,
    );
    return row?.["lsn"];
  }

  async #run(number: number): Promise<void> {
    const plan = new Plan(number, this.#options, `${this.#postgres.dataFolder}/load-${number}.copy`);
    while (!this.#isStopped) {
      const isLargest = (): boolean => this.isLargestNext && number === 0;
      await until(() => this.#isStopped || isLargest() || this.#changed < this.limit, WAIT_MS);
      const client = this.#clients.get(number) ?? (await this.#connect(number));
      if (this.#isStopped) return;
      try {
        const wasLargest = isLargest();
        const changes = await execute(client, plan.transaction(wasLargest));
        this.#changed += changes;
        if (wasLargest) this.isLargestNext = false;
      } catch (error) {
        // Everything else than a fault of a statement is a connection that ended.
        if (/^(?!57P|08)[0-9A-Z]{5}$/.test(`${(error as { code?: unknown }).code}`)) throw error;
        this.#clients.delete(number);
        client.end().catch(() => undefined);
      }
    }
  }

  async #connect(number: number): Promise<pg.Client> {
    const config = { connectionString: this.#postgres.url(), application_name: LOAD_NAME };
    let client = new pg.Client(config);
    await until(async () => {
      client = new pg.Client(config);
      client.on("error", () => undefined);
      const connected: unknown = await client.connect().catch((error: Error) => error);
      return this.#isStopped || !(connected instanceof Error);
    }, WAIT_MS);
    this.#clients.set(number, client);
    return client;
  }
}

/** @returns the number of changes */
async function execute(client: pg.Client, statements: readonly Statement[]): Promise<number> {
  let changes = 0;
  await client.query("BEGIN");
  for (const { sql, values, counts } of statements) {
    const { rowCount } = await client.query(sql, values.length > 0 ? [...values] : undefined);
    if (counts) changes += rowCount ?? 0;
  }
  return changes;
}

/** The transactions of one client. They depend on the seed, and on when the largest ones are requested. */
class Plan {
  readonly #random: () => number;
  readonly #client: number;
  readonly #options: LoadOptions;
  readonly #file: string;

  /** @param file where the server keeps the rows of a COPY */
  constructor(client: number, options: LoadOptions, file: string) {
    this.#random = dice(options.seed + client);
    this.#client = client;
    this.#options = options;
    this.#file = file;
  }

  /** The next transaction after its BEGIN. */
  transaction(isLargest: boolean): Statement[] {
    const isLasting = isLargest || this.#random() > 0.1;
    const statements: Statement[] = [];
    for (let left = isLargest ? MAX_ROWS : this.#size(); left > 0; ) {
      const count = isLargest ? left : Math.ceil(left * this.#random());
      const end =
        isLargest || this.#random() < 0.8 ? undefined : this.#random() < 0.5 ? "RELEASE" : "ROLLBACK TO";
      if (end) statements.push(control("SAVEPOINT s"));
      for (const each of this.#step(count, isLargest))
        statements.push({ ...each, counts: each.counts && isLasting && end !== "ROLLBACK TO" });
      if (end) statements.push(control(`${end} s`));
      left -= count;
    }
    return [...statements, control(isLasting ? "COMMIT" : "ROLLBACK")];
  }

  #size(): number {
    return this.#random() < 0.03 ? Math.ceil(this.#random() * MAX_ROWS) : Math.ceil(60 ** this.#random());
  }

  #step(count: number, isCopy: boolean): readonly Statement[] {
    const [a, b, c] = [this.#keys(count), this.#keys(count), this.#keys(count)];
    const copy = `COPY (${newRows(`'{${a}}'::bigint[]`)}) TO '${this.#file}'`;
    const steps = [
      [on(remove, a), control(copy), on(`COPY load FROM '${this.#file}'`)],
      [on(insert, a)],
      [on(update, a)],
      [on(update, a)],
      [on(updateBig, a)],
      [on(updateBig, a)],
      [on(remove, a)],
      [on(insert, a), on(update, a), on(remove, a)],
      [on(move, a, b)],
      [on(moveBig, a, b)],
      [on(move, a, b), on(update, b), on(move, b, c)],
    ];
    return steps[isCopy ? 0 : Math.floor(this.#random() * steps.length)] ?? [];
  }

  /** Different keys of this client, in random order: of the rows before the start, between them, and after them. */
  #keys(count: number): number[] {
    const { rows, clients } = this.#options;
    const own = Math.floor((2.4 * rows) / clients);
    const keys = new Set<number>();
    while (keys.size < Math.min(count, own)) keys.add(Math.floor(this.#random() * own));
    return [...keys].map((key) => 1 + key * clients + this.#client);
  }
}
