// Runs the gateway as a separate process, as operators do.

import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { afterTest } from "./after-test.ts";
import { type TestConfig, writeConfig } from "./gateway.ts";
import { until } from "./until.ts";

/** A process that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A gateway that has started, and what it has printed. */
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

function spawnOnramp(args: readonly string[], env: Record<string, string>, main = "dist/main.js") {
  const ports = { ONRAMP_PORT: "0", ONRAMP_ADMIN_PORT: "0", ONRAMP_DEV_BROKER_PORT: "0" };
  // c8 follows the processes that a test starts through this variable.
  const { NODE_V8_COVERAGE } = process.env;
  const coverage = NODE_V8_COVERAGE ? { NODE_V8_COVERAGE } : {};
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env["PATH"], ...coverage, ...ports, ...env },
    stdio: "pipe",
  });
  const printed = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (printed.stdout += chunk));
  child.stderr.on("data", (chunk) => (printed.stderr += chunk));
  // A process may end before it has read its input.
  child.stdin.on("error", () => {});
  const closed = once(child, "close");
  const end = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
    child.kill(signal);
    await closed;
    return child.exitCode;
  };
  return { child, printed, closed, end };
}

/** Runs the built `onramp` until it ends. */
export async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const { child, printed, closed, end } = spawnOnramp(args, env);
  child.stdin.end();
  stopAfterTest(child, end, args);
  await closed;
  return { code: child.exitCode, ...printed };
}

/** A process that runs, with an open stdin. */
export interface Running {
  readonly child: ChildProcess & { readonly stdin: Writable };
  readonly printed: { readonly stdout: string; readonly stderr: string };
  /** Resolves when the process has ended. */
  ended(): Promise<Ended>;
}

/** Starts the built `onramp` and leaves its stdin open; the process is killed after the test. */
export function open(args: readonly string[], env: Record<string, string> = {}): Running {
  const { child, printed, closed } = spawnOnramp(args, env);
  afterTest(() => child.kill("SIGKILL"));
  const ended = async (): Promise<Ended> => {
    await closed;
    return { code: child.exitCode, ...printed };
  };
  return { child, printed, ended };
}

/**
 * Starts the built `onramp` and waits until it is ready; it stops after the test.
 *
 * @throws when it ends instead
 */
export async function start(args: readonly string[], env: Record<string, string> = {}): Promise<Started> {
  const started = await launch(args, env);
  stopAfterTest(started.child, started.end, args);
  return started;
}

/** As `start`, but the caller ends it. @param main the entry of the build to start */
export async function launch(
  args: readonly string[],
  env: Record<string, string> = {},
  main?: string,
): Promise<Started> {
  const began = performance.now();
  const { child, printed, closed, end } = spawnOnramp(args, env, main);
  child.stdin.end();
  const started = new Promise<"started">((resolve) => {
    child.stdout.on("data", () => printed.stdout.includes('"onramp started"') && resolve("started"));
  });
  if ((await Promise.race([started, closed])) !== "started")
    throw new Error(`onramp ended with ${child.exitCode}: ${printed.stderr}`);
  const readyMs = performance.now() - began;
  const urlOf = (name: string): string => new RegExp(`"${name}":"([^"]+)"`).exec(printed.stdout)?.[1] ?? "";
  return {
    child,
    apiUrl: urlOf("api"),
    adminUrl: urlOf("admin"),
    readyMs,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    end,
  };
}

/** Stops the gateway after the test, and asserts that it exits without an error. */
function stopAfterTest(child: ChildProcess, end: Started["end"], args: readonly string[]): void {
  afterTest(async () => {
    if (child.exitCode === null && child.signalCode === null)
      assert.equal(await end(), 0, `the exit code of onramp ${args.join(" ")}`);
  });
}

/** Starts `onramp` with a configuration; it stops without a drain unless that says otherwise. */
export function startWith(config: TestConfig): Promise<Started> {
  return start(argumentsOf(config));
}

/**
 * As `startWith`, for a test of memory or CPU time: without coverage, which would add to both. `heapAfterGc` returns what its
 * heap retains.
 */
export function startMeasured(config: TestConfig): Promise<Started> {
  return start(argumentsOf(config), { NODE_V8_COVERAGE: "", NODE_OPTIONS: `--import=${GC_ON_SIGNAL}` });
}

const GC_ON_SIGNAL = new URL("gc-on-signal.mjs", import.meta.url).href;

/** Collects garbage in a process of `startMeasured`. @returns the size of its heap and of its buffers after that, in bytes */
export async function heapAfterGc({ child, stderr }: Started): Promise<number> {
  const before = stderr().length;
  child.kill("SIGUSR2");
  const found = (): string | undefined => /^heap (\d+)$/m.exec(stderr().slice(before))?.[1];
  await until(() => found() !== undefined);
  return Number(found());
}

const argumentsOf = (config: TestConfig): string[] => [
  "start",
  "--config",
  writeConfig({ ...config, stop: { drain: "0ms", ...config.stop } }),
];

/** Resident memory of a process, in bytes. */
export function rss(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

/** Watches the resident memory of a process. @returns a function that returns the maximum so far, in bytes */
export function watchRss({ child }: Started): () => number {
  let most = rss(child.pid);
  const look = (): number => {
    if (child.exitCode === null) most = Math.max(most, rss(child.pid));
    return most;
  };
  const watch = setInterval(look, 20);
  afterTest(() => clearInterval(watch));
  return look;
}

const TICKS_PER_SECOND = 100;

/** User and system time of a process, in seconds (proc(5), fields 14 and 15). */
export function cpuSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
