// What a command is, and what it gets of the process.

import type { ParseArgsConfig } from "node:util";

/** The process, as far as commands may use it. */
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
  /** What follows the name in `--help`, as `[--config FILE]`. */
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
