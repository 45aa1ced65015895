// Tells whether the transactions that the stream has delivered are visible to queries. The stream delivers a transaction when its
// commit record is flushed, which is before it is visible, and with synchronous replication long before: a chunk that is read in
// between is older than what was delivered.

import type { Session } from "../server/connect.ts";

/** The transactions that a snapshot of PostgreSQL sees: the content of pg_current_snapshot(), modulo 2^32. */
export class VisibleTransactions {
  readonly #max: number;
  readonly #running: ReadonlySet<number>;
  readonly #min: number;

  /** @param text such as 726:728:726 */
  constructor(text: string) {
    const [min = "0", max = "0", running = ""] = text.split(":");
    this.#min = short(min);
    this.#max = short(max);
    this.#running = new Set(running.split(",").filter(Boolean).map(short));
  }

  get running(): Iterable<number> {
    return this.#running;
  }

  sees(xid: number): boolean {
    if (isBefore(xid, this.#min)) return true;
    return isBefore(xid, this.#max) && !this.#running.has(xid);
  }
}

/** Transaction ids of the stream have 32 bits, those of snapshots 64. */
const short = (xid: string): number => Number(BigInt(xid) & 0xffffffffn);

/** The order of transaction ids modulo 2^32, as PostgreSQL's TransactionIdPrecedes. */
const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0;

export const readVisible = async (session: Session): Promise<VisibleTransactions> => {
  const [row] = await session.query("SELECT pg_current_snapshot()::text AS snapshot");
  return new VisibleTransactions(row?.["snapshot"] ?? "");
};

/** The number of transactions after which those that are visible are forgotten. */
const MAX_PENDING = 10_000;

/** Tracks the transactions that may have been delivered and may not be visible yet. */
export class Deliveries {
  readonly #session: Session;
  readonly #pending = new Set<number>();
  #isPruning = false;
  /** Transactions that were running when the tracking began: an earlier run may have received those that were committed. */
  #earlier: Set<number> | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Called for each transaction that the stream delivers. */
  add(xid: number): void {
    this.#pending.add(xid);
    if (this.#pending.size < MAX_PENDING || this.#isPruning) return;
    this.#isPruning = true;
    this.invisible()
      .catch(() => {
        // The next call reports the failure of the session.
      })
      .finally(() => {
        this.#isPruning = false;
      });
  }

  /**
   * Returns the ids of transactions that were delivered and are not visible; none when all are. A transaction that is delivered during
   * the call is not considered.
   *
   * @param ended further transactions, which must have ended
   */
  async invisible(ended: Iterable<number> = []): Promise<readonly number[]> {
    const delivered = [...this.#pending];
    const visible = await readVisible(this.#session);
    this.#earlier ??= new Set(visible.running);
    for (const xid of delivered) if (visible.sees(xid)) this.#pending.delete(xid);
    for (const xid of this.#earlier) if (visible.sees(xid)) this.#earlier.delete(xid);
    if (this.#earlier.size > 0) for (const xid of await this.#uncommitted()) this.#earlier.delete(xid);
    const running = new Set(visible.running);
    const open = [...ended].filter((xid) => running.has(xid));
    return [...open, ...delivered.filter((xid) => this.#pending.has(xid)), ...this.#earlier];
  }

  /** The transactions that certainly have not been committed: idle ones and prepared ones. */
  async #uncommitted(): Promise<readonly number[]> {
    const rows = await this.#session.query(
      `SELECT backend_xid::text AS xid FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND state LIKE 'idle in transaction%'
       UNION ALL SELECT transaction::text FROM pg_prepared_xacts`,
    );
    return rows.map((row) => Number(row["xid"]));
  }
}
