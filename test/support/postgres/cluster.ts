// The files of a new PostgreSQL cluster.

import { execFile } from "node:child_process";
import { appendFileSync, chownSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Binaries, ServerUser } from "./binaries.ts";

const run = promisify(execFile);

/** The superuser, its password and its database. */
export const SUPERUSER = { user: "postgres", password: "postgres", database: "postgres" } as const;

const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  wal_level: "logical",
  max_wal_senders: "20",
  max_replication_slots: "20",
  shared_buffers: "32MB",
  // The tests end processes, never the operating system: what was written stays in its page cache.
  fsync: "off",
  // A killed server's segments are deleted with the data folder; those in /dev/shm would stay.
  dynamic_shared_memory_type: "mmap",
  timezone: "Etc/UTC",
  log_timezone: "Etc/UTC",
};

export interface ClusterOptions {
  /** Further settings for postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Paths of the server's certificate and key; clients may connect with TLS then. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * Runs initdb. Every cluster gets a system identifier of its own. Connections over TCP need a password (SCRAM-SHA-256), those
 * over the Unix socket do not.
 *
 * @param folder an empty folder, which gets `data`
 */
export async function createCluster(
  { folder: bin, user }: Binaries,
  folder: string,
  { settings, tls }: ClusterOptions,
): Promise<void> {
  own(folder, user);
  const data = path.join(folder, "data");
  const password = path.join(folder, "password");
  writeFileSync(password, SUPERUSER.password);
  const auth = ["--auth-local=trust", "--auth-host=scram-sha-256", `--pwfile=${password}`];
  const locale = ["--encoding=UTF8", "--locale=C"];
  const args = ["-D", data, "-U", SUPERUSER.user, ...locale, ...auth, "--no-sync"];
  await run(path.join(bin, "initdb"), args, { cwd: folder, ...user });
  const lines = Object.entries({ ...DEFAULTS, ...(tls && { ssl: "on" }), ...settings }).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  appendFileSync(path.join(data, "postgresql.conf"), lines.join(""));
  if (!tls) return;
  const key = path.join(data, "server.key");
  copyFileSync(tls.cert, path.join(data, "server.crt"));
  // PostgreSQL refuses a key that others may read.
  writeFileSync(key, readFileSync(tls.key), { mode: 0o600 });
  own(path.join(data, "server.crt"), user);
  own(key, user);
}

function own(file: string, { uid, gid }: ServerUser): void {
  if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid);
}
