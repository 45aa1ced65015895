// The contract of a command, and the parts of the process that it can use.

import type { Readable } from "node:stream";
import type { ParseArgsConfig } from "node:util";
import type { loadConfiguration } from "../app/configuration.ts";
import type { Log } from "../core/ports.ts";
import { UsageError } from "./arguments.ts";

/** The parts of the process that commands can use. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The standard input. */
  readonly input: Readable;
  /** Whether stdout is a terminal. */
  readonly isTerminal: boolean;
  /** Returns the columns of the terminal, which may change. */
  width(): number;
  /** Writes a line to stdout. */
  out(line: string): void;
  /** Writes to stdout. Resolves when the text is written, or when stdout has no reader any more (`outputClosed`). */
  write(text: string | Buffer): Promise<void>;
  /** Aborted when a write finds that the reader of stdout has ended, as in `onramp tail orders | head -3`. */
  readonly outputClosed: AbortSignal;
  /** Writes a line to stderr. */
  err(line: string): void;
  /**
   * Resolves at the first SIGTERM, SIGINT or SIGHUP. Until this is read for the first time, a signal ends the process at once, also while
   * the process waits for a file; after that, a second one ends the process within half a second, with the exit code 1.
   */
  readonly stopped: Promise<void>;
  /** Adds work to do before the process exits. The exit waits at most half a second for all of it. */
  beforeExit(work: () => Promise<void>): void;
}

/** The exit code that shells report for a process that SIGINT ended. */
export const INTERRUPTED = 130;

/** One command of `onramp`. */
export interface Command {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** The text after the name in `--help`, such as `[--config FILE]`. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** The maximum number of positional arguments. `main.ts` refuses more. */
  readonly maxArguments: number;
  /**
   * Runs the command. Called at most once. Imports slow modules here, so that help and the client commands start fast.
   *
   * @returns the exit code
   * @throws UsageError: `main.ts` prints the message and the usage, and exits with 2. OperatorError: it prints the message, and exits
   *   with 1
   */
  run(
    io: Io,
    options: Readonly<Record<string, string | boolean | undefined>>,
    args: readonly string[],
  ): Promise<number>;
}

/** The option of all commands that read the configuration. */
export const configOption = { config: { type: "string", short: "c" } } as const;

/**
 * @param argument the argument FILE of commands that have one
 * @returns the path of the configuration file: `argument` or `--config`, otherwise `ONRAMP_CONFIG`, otherwise undefined
 * @throws UsageError when both the argument and the option are given, or the name is empty
 */
function configFile(
  io: Io,
  options: Readonly<Record<string, string | boolean | undefined>>,
  argument: string | undefined,
): string | undefined {
  const { config } = options;
  if (argument !== undefined && config !== undefined)
    throw new UsageError("Name one configuration file: as an argument or with --config.");
  const named = argument ?? config;
  if (named === "") throw new UsageError("The name of the configuration file is empty.");
  return typeof named === "string" ? named : io.env["ONRAMP_CONFIG"] || undefined;
}

/** The configuration of a command, its log, and the path of its file. */
type Configured = Pick<ReturnType<typeof loadConfiguration>, "config" | "log"> & {
  readonly file: string | undefined;
};

/**
 * Loads the configuration of a command, and creates its log.
 *
 * @param argument see `configFile`
 * @param samples see `loadConfiguration`. Default: false
 * @returns also the path of the file; undefined: defaults and environment only
 * @throws ConfigError, UsageError
 */
export async function configure(
  io: Io,
  options: Readonly<Record<string, string | boolean | undefined>>,
  { argument, samples = false }: { readonly argument?: string | undefined; readonly samples?: boolean } = {},
): Promise<Configured> {
  const file = configFile(io, options, argument);
  const { loadConfiguration } = await import("../app/configuration.ts");
  const { config, log, flushLog } = loadConfiguration(file, io.env, samples);
  io.beforeExit(flushLog);
  return { config, log, file };
}

/** A signal that is aborted at the first SIGTERM, SIGINT or SIGHUP. */
export function stopSignal(io: Io): AbortSignal {
  const stop = new AbortController();
  void io.stopped.then(() => stop.abort());
  return stop.signal;
}

/** Returns a log that writes only warnings and errors, because the output of the command is read by other programs. */
export function withoutInfo(log: Log): Log {
  return {
    debug: (fields, event) => log.debug(fields, event),
    info: (fields, event) => log.debug(fields, event),
    warn: (fields, event) => log.warn(fields, event),
    error: (fields, event) => log.error(fields, event),
  };
}
