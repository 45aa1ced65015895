// The processes of a PostgreSQL server.

import { type ChildProcess, execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { until } from "../until.ts";

const run = promisify(execFile);
const servers = new Set<ChildProcess>();

// A run that ends early leaves no server: the first process ends the others on SIGQUIT.
process.once("exit", () => {
  for (const server of servers) server.kill("SIGQUIT");
});

/** Ends the server with the tests, however these end. */
export function endWithTests(server: ChildProcess): void {
  servers.add(server);
  server.once("exit", () => servers.delete(server));
}

/** Ends a server's processes with SIGKILL. Resolves when none of them is left. */
export async function killAll(server: ChildProcess): Promise<void> {
  const { pid } = server;
  if (pid === undefined) return;
  const gone = once(server, "exit");
  // Stopped, the first process starts no further ones.
  server.kill("SIGSTOP");
  await until(() => stateOf(pid) === "T");
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter(Boolean)
    .map(Number);
  for (const each of [...children, pid]) process.kill(each, "SIGKILL");
  await gone;
  await until(() => children.every((child) => ["gone", "Z"].includes(stateOf(child))));
}

/** The state of a process (proc(5), field 3). */
function stateOf(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "gone";
  } catch {
    return "gone";
  }
}

/** True when the server accepts connections. */
export function isReady(dataFolder: string, { pid }: ChildProcess): boolean {
  const lines = lockFile(dataFolder);
  return lines[0] === `${pid}` && lines[7]?.trim() === "ready";
}

/** Releases the shared memory that a killed server has left; the next start does so, too. */
export async function releaseMemory(dataFolder: string): Promise<void> {
  const id = lockFile(dataFolder)[6]?.trim().split(/\s+/)[1];
  if (id !== undefined) await run("ipcrm", ["-m", id]).catch(() => undefined);
}

/** The lines of postmaster.pid: the process, …, the shared memory's key and identifier, the state. */
function lockFile(dataFolder: string): string[] {
  try {
    return readFileSync(path.join(dataFolder, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return [];
  }
}
