// The gateway as a process of its own, as operators run it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** A started process and what it has said. */
export interface Started {
  readonly child: ChildProcess;
  readonly apiUrl: string;
  readonly adminUrl: string;
  /** Milliseconds from the spawn to readiness in the log. */
  readonly readyMs: number;
  stdout(): string;
  stderr(): string;
  /** Sends a signal and resolves with the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs `onramp` as it was built and waits for it to be started, or to end. */
export async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Started | { code: number | null; stdout: string; stderr: string }> {
  const began = performance.now();
  const ports = { ONRAMP_PORT: "0", ONRAMP_ADMIN_PORT: "0", ONRAMP_DEV_BROKER_PORT: "0" };
  // c8 follows the processes that a test starts through this variable.
  const { NODE_V8_COVERAGE } = process.env;
  const coverage = NODE_V8_COVERAGE ? { NODE_V8_COVERAGE } : {};
  const child = spawn(process.execPath, ["dist/main.js", ...args], {
    env: { PATH: process.env["PATH"], ...coverage, ...ports, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const started = new Promise<"started">((resolve) => {
    child.stdout.on("data", () => stdout.includes('"onramp started"') && resolve("started"));
  });
  const exited = once(child, "close");
  if ((await Promise.race([started, exited])) !== "started") return { code: child.exitCode, stdout, stderr };
  const readyMs = performance.now() - began;
  const urlOf = (name: string): string => new RegExp(`"${name}":"([^"]+)"`).exec(stdout)?.[1] ?? "";
  return {
    child,
    apiUrl: urlOf("api"),
    adminUrl: urlOf("admin"),
    readyMs,
    stdout: () => stdout,
    stderr: () => stderr,
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

/** As `run`, for a start that must succeed. */
export async function start(args: readonly string[], env: Record<string, string> = {}): Promise<Started> {
  const started = await run(args, env);
  if (!("child" in started)) throw new Error(`onramp ended with ${started.code}: ${started.stderr}`);
  return started;
}

/** Resident memory of a process, in bytes. */
export function rss(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

const TICKS_A_SECOND = 100;

/** User and system time of a process, in seconds (proc(5), fields 14 and 15). */
export function cpuSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}
