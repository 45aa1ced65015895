// The problems of a configuration, and the error that reports them.

import { OperatorError } from "../core/errors.ts";

/** One problem, with the path of the option (`kafka.brokers`) and the fix. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** All problems of a configuration. */
export class ConfigError extends OperatorError {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  /** @param file the configuration file; undefined if there is none */
  constructor(problems: readonly Problem[], file: string | undefined) {
    const lines = problems.map(({ path, message }) => `  ${path || "(top)"}: ${message}`);
    const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
    super(`${file ?? "The configuration (no file, environment only)"} has ${count}:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}
