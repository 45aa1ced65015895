// The replication slot of a source: creates it, reads its state, and frees it from a connection that no longer reads.

import { SourceError } from "../../../core/source.ts";
import { parseLsn } from "../stream/lsn.ts";
import type { Session } from "./connect.ts";
import { isLockTimeout, sqlState } from "./failures.ts";
import { quoteIdentifier } from "./names.ts";

/** How long a connection that was ended may keep the slot, in milliseconds. */
const FREE_MS = 5000;

export interface SlotState {
  readonly confirmedLsn: bigint;
  readonly activePid: number | undefined;
  /** Whether the process that sends the stream waits: for changes, or until it can send. */
  readonly isWaiting: boolean;
  /** Why the server no longer has the changes of the slot; undefined when it has them. */
  readonly lostReason: string | undefined;
  readonly walStatus: string;
  /** Bytes between the last acknowledged position and the end of the write-ahead log. */
  readonly lagBytes: number;
  /** Bytes of write-ahead log that the server keeps for the slot. */
  readonly retainedBytes: number;
  /** Bytes that can be written until the slot may be lost; undefined when there is no limit. */
  readonly safeBytes: number | undefined;
  /** Since when nothing reads the slot, in milliseconds since 1970; undefined when it is read, or on servers before 17. */
  readonly inactiveSince: number | undefined;
}

export class Slot {
  readonly name: string;
  readonly #session: Session;
  readonly #version: number;

  constructor(name: string, session: Session, version: number) {
    this.name = name;
    this.#session = session;
    this.#version = version;
  }

  /** @returns undefined when the slot does not exist @throws SourceError when a slot of another kind has the name */
  async read(): Promise<SlotState | undefined> {
    const reason =
      this.#version >= 170_000
        ? "invalidation_reason"
        : this.#version >= 160_000
          ? "CASE WHEN conflicting THEN 'conflict' END"
          : "NULL";
    const since = this.#version >= 170_000 ? "extract(epoch FROM inactive_since) * 1000" : "NULL";
    const [row] = await this.#session.query(
      `SELECT plugin, database = current_database() AS own, active_pid, confirmed_flush_lsn, wal_status, safe_wal_size,
         ${reason} AS reason, ${since} AS since, pg_current_wal_lsn() - confirmed_flush_lsn AS lag, pg_current_wal_lsn() - restart_lsn AS retained,
         (SELECT wait_event FROM pg_stat_activity WHERE pid = active_pid) AS wait_event
       FROM pg_replication_slots WHERE slot_name = $1`,
      [this.name],
    );
    if (!row) return undefined;
    if (row["plugin"] !== "pgoutput" || row["own"] !== "t")
      throw new SourceError(
        "blocked",
        `The replication slot "${this.name}" exists, but ${row["own"] === "t" ? "it does not use pgoutput" : "it belongs to another database"}. Set the option slot to another name, or drop it: SELECT pg_drop_replication_slot('${this.name}');`,
      );
    const number = (value: string | null | undefined) => (value == null ? undefined : Number(value));
    const isLost = row["wal_status"] === "lost" || row["reason"] != null;
    return {
      confirmedLsn: parseLsn(row["confirmed_flush_lsn"] ?? "0/0"),
      activePid: number(row["active_pid"]),
      isWaiting: /^WalSender/i.test(row["wait_event"] ?? ""),
      lostReason: isLost
        ? (row["reason"] ?? "wal_status is lost: max_slot_wal_keep_size was exceeded")
        : undefined,
      walStatus: row["wal_status"] ?? "unknown",
      lagBytes: Number(row["lag"] ?? 0),
      retainedBytes: Number(row["retained"] ?? 0),
      safeBytes: number(row["safe_wal_size"]),
      inactiveSince: row["active_pid"] == null ? number(row["since"]) : undefined,
    };
  }

  /**
   * Creates the slot. The server waits for all open transactions; the session's `lock_timeout` ends the wait, and then nothing remains.
   *
   * @throws SourceError `passing` that names the transaction that it waits for
   */
  async create(replication: Session, failover: boolean): Promise<void> {
    const options = failover ? "(SNAPSHOT 'nothing', FAILOVER true)" : "NOEXPORT_SNAPSHOT";
    try {
      await replication.query(
        `CREATE_REPLICATION_SLOT ${quoteIdentifier(this.name)} LOGICAL pgoutput ${options}`,
      );
    } catch (error) {
      if (sqlState(error) === "53400")
        throw new SourceError(
          "blocked",
          "All replication slots of the server are in use. Drop one that is not needed, or raise max_replication_slots, and restart PostgreSQL.",
        );
      if (sqlState(error) === "42710") return;
      if (!isLockTimeout(error)) throw error;
      throw new SourceError(
        "passing",
        `The slot is not created yet: PostgreSQL waits for ${await this.#oldest()}.`,
      );
    }
  }

  /** Whether a process of the server runs a statement. */
  async isActive(pid: number): Promise<boolean> {
    const [row] = await this.#session.query("SELECT state FROM pg_stat_activity WHERE pid = $1::int", [pid]);
    return row?.["state"] === "active";
  }

  /** The slots of this installation that no configured source has. @param prefix that of their names @param known the configured ones */
  async strays(prefix: string, known: ReadonlySet<string>): Promise<string[]> {
    const rows = await this.#session.query(
      "SELECT slot_name FROM pg_replication_slots WHERE plugin = 'pgoutput' AND database = current_database() AND starts_with(slot_name, $1)",
      [prefix],
    );
    return rows.map((row) => row["slot_name"] ?? "").filter((name) => !known.has(name));
  }

  /** Sets that the slot is synchronized to standbys (PostgreSQL 17 and later). It must not be active. */
  async setFailover(replication: Session): Promise<void> {
    const [row] = await this.#session.query(
      "SELECT failover FROM pg_replication_slots WHERE slot_name = $1",
      [this.name],
    );
    if (row?.["failover"] === "f")
      await replication.query(`ALTER_REPLICATION_SLOT ${quoteIdentifier(this.name)} (FAILOVER true)`);
  }

  async drop(): Promise<void> {
    await this.#session.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
      [this.name],
    );
  }

  /**
   * Ends the connection that reads the slot, if it is ours: same role and `application_name`. The caller has fenced its process.
   *
   * @throws SourceError `passing` when another program reads the slot
   */
  async free(applicationName: string, sleep: (ms: number) => Promise<void>): Promise<void> {
    const until = Date.now() + FREE_MS;
    for (;;) {
      const [row] = await this.#session.query(
        `SELECT a.pid, a.application_name, a.usename, a.application_name = $2 AND a.usename = current_user AS ours
         FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1`,
        [this.name, applicationName],
      );
      if (!row) return;
      const reader = `process ${row["pid"]} (application_name ${row["application_name"]}, role ${row["usename"]})`;
      if (row["ours"] !== "t" || Date.now() > until)
        throw new SourceError(
          "passing",
          `Another connection reads the slot "${this.name}": ${reader}. Stop that program, or give this source another slot.`,
        );
      await this.#session.query("SELECT pg_terminate_backend($1::int)", [row["pid"]]);
      await sleep(50);
    }
  }

  async #oldest(): Promise<string> {
    const [row] = await this.#session.query(
      `SELECT pid, usename, application_name, extract(epoch FROM now() - xact_start)::int AS age FROM pg_stat_activity
       WHERE backend_xid IS NOT NULL ORDER BY xact_start NULLS LAST LIMIT 1`,
    );
    if (row) {
      const age = row["age"] === null ? "" : `, ${row["age"]} s old`;
      return `the transaction of process ${row["pid"]} (application_name ${row["application_name"] || "not set"}, role ${row["usename"]}${age})`;
    }
    const [prepared] = await this.#session.query(
      "SELECT gid FROM pg_prepared_xacts ORDER BY prepared LIMIT 1",
    );
    return prepared ? `the prepared transaction ${prepared["gid"]}` : "an open transaction";
  }
}
