// Checks the server before the source uses it: version, wal_level, role. Each failure says what to change, and where.

import { SourceError } from "../../../core/source.ts";
import type { Session } from "./connect.ts";

/** What is known about the server. */
export interface ServerFacts {
  /** Such as 150018. */
  readonly version: number;
  /** The interval of status updates, in milliseconds: a third of wal_sender_timeout. */
  readonly statusMs: number;
}

interface ManagedService {
  readonly name: string;
  /** A role that exists only there. */
  readonly role: string;
  /** How to set wal_level. */
  readonly walLevel: string;
  /** How to give a role the right to replicate. */
  readonly grant: (role: string) => string;
}

const SERVICES: readonly ManagedService[] = [
  {
    name: "Amazon RDS",
    role: "rds_superuser",
    walLevel: "set rds.logical_replication = 1 in the parameter group, and reboot the instance",
    grant: (role) => `GRANT rds_replication TO ${role};`,
  },
  {
    name: "Google Cloud SQL",
    role: "cloudsqlsuperuser",
    walLevel: "set the flag cloudsql.logical_decoding = on, which restarts the instance",
    grant: (role) => `ALTER USER ${role} WITH REPLICATION;`,
  },
  {
    name: "Azure Database for PostgreSQL",
    role: "azure_pg_admin",
    walLevel: "set the server parameter wal_level = logical, and restart the server",
    grant: (role) => `ALTER ROLE ${role} WITH REPLICATION;`,
  },
];

const OLDEST = 140_000;
/** Without wal_sender_timeout, the server waits for no status; then the interval keeps its position up to date. */
const STATUS_MS = 10_000;

/** @throws SourceError `blocked` when an operator must change the server */
export async function checkServer(session: Session): Promise<ServerFacts> {
  const [row = {}] = await session.query(
    `SELECT current_setting('server_version_num') AS version, current_setting('wal_level') AS wal_level,
       pg_is_in_recovery() AS standby, current_user AS role, quote_ident(current_user) AS quoted,
       (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') AS timeout,
       r.rolsuper, r.rolreplication, (SELECT json_agg(rolname) FROM pg_roles WHERE rolname = ANY($1::name[])) AS services,
       EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_replication' AND pg_has_role(current_user, g.oid, 'member')) AS rds
     FROM pg_roles r WHERE r.rolname = current_user`,
    [SERVICES.map(({ role }) => role)],
  );
  const version = Number(row["version"]);
  const roles = JSON.parse(row["services"] ?? "[]") as string[];
  const service = SERVICES.find(({ role }) => roles.includes(role));
  if (version < OLDEST)
    throw blocked(`PostgreSQL ${Math.floor(version / 10_000)} is too old. Onramp needs version 14 or later.`);
  if (row["standby"] === "t")
    throw blocked(
      "The server is a standby. Set url to the primary server, where the slot and the publication are.",
    );
  if (row["wal_level"] !== "logical")
    throw blocked(
      `wal_level is ${row["wal_level"]}, and must be logical. ${service ? `On ${service.name}: ${service.walLevel}.` : "Run ALTER SYSTEM SET wal_level = logical; and restart PostgreSQL."}`,
    );
  if (row["rolsuper"] !== "t" && row["rolreplication"] !== "t" && row["rds"] !== "t")
    throw blocked(
      `The role ${row["role"]} may not replicate. Run: ${service ? service.grant(row["quoted"] ?? "") : `ALTER ROLE ${row["quoted"]} REPLICATION;`}`,
    );
  const timeout = Number(row["timeout"]);
  return {
    version,
    statusMs: timeout > 0 ? Math.max(100, Math.min(STATUS_MS, timeout / 3)) : STATUS_MS,
  };
}

const blocked = (message: string): SourceError => new SourceError("blocked", message);
