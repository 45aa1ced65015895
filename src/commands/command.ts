// The contract of a command, and the parts of the process that it can use.

import type { Readable } from "node:stream";
import type { ParseArgsConfig } from "node:util";
import { loadConfiguration } from "../app/configuration.ts";
import type { Log } from "../core/ports.ts";

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
  /** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
  readonly stopped: Promise<void>;
  /** Adds work to do before the process exits. It must not take longer than a second. */
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
  /**
   * Runs the command. Called at most once.
   *
   * @returns the exit code
   * @throws OperatorError with a message to print
   */
  run(
    io: Io,
    options: Readonly<Record<string, string | boolean | undefined>>,
    args: readonly string[],
  ): Promise<number>;
}

/** The option of all commands that read the configuration. */
export const configOption = { config: { type: "string", short: "c" } } as const;

/** @returns the path of the configuration file: `--config`, otherwise `ONRAMP_CONFIG`, otherwise undefined */
export function configFile(
  io: Io,
  options: Readonly<Record<string, string | boolean | undefined>>,
): string | undefined {
  const { config } = options;
  return typeof config === "string" ? config : io.env["ONRAMP_CONFIG"] || undefined;
}

/**
 * Loads the configuration of a command, and creates its log.
 *
 * @param file the configuration file. Default: as `configFile`
 * @param samples see `loadConfiguration`
 * @throws ConfigError
 */
export function configure(
  io: Io,
  options: Readonly<Record<string, string | boolean | undefined>>,
  { file = configFile(io, options), samples = false }: { file?: string | undefined; samples?: boolean } = {},
): Pick<ReturnType<typeof loadConfiguration>, "config" | "log"> {
  const { config, log, flushLog } = loadConfiguration(file, io.env, samples);
  io.beforeExit(flushLog);
  return { config, log };
}

/** A signal that is aborted at the first SIGTERM or SIGINT. */
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

/**
 * Joins an option and a value that is a negative number: `--from -20` becomes `--from=-20`. Node's parser would read such a value
 * as an option.
 */
export function joinNegativeValues(args: readonly string[], options: Command["options"]): string[] {
  const joined: string[] = [];
  for (const [at, arg] of args.entries()) {
    const before = args[at - 1] ?? "";
    const takesValue = before.startsWith("--") && options[before.slice(2)]?.type === "string";
    const isAfterOptions = args.indexOf("--") >= 0 && at > args.indexOf("--");
    if (takesValue && !isAfterOptions && /^-\d+$/.test(arg)) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}
