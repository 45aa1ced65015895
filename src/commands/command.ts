// The contract of a command, and what it gets of the process.

import type { ParseArgsConfig } from "node:util";

/** What commands may use of the process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line to stdout. */
  out(line: string): void;
  /** Writes a line to stderr. */
  err(line: string): void;
  /** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
  readonly stopped: Promise<void>;
}

/** One command of `onramp`. */
export interface Command {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** The text after the name in `--help`, such as `[--config FILE]`. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** @returns the exit code */
  run(
    io: Io,
    options: Readonly<Record<string, string | boolean | undefined>>,
    args: readonly string[],
  ): Promise<number>;
}

/** The option that `start` and `check` share. */
export const configOption = { config: { type: "string", short: "c" } } as const;

/** The configuration file: `--config`, else `ONRAMP_CONFIG`, else none. */
export function configFile(
  io: Io,
  options: Readonly<Record<string, string | boolean | undefined>>,
): string | undefined {
  const { config } = options;
  return typeof config === "string" ? config : io.env["ONRAMP_CONFIG"] || undefined;
}
