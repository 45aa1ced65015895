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

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `  ${path || "(top)"}: ${message}`);
    super(
      `the configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}`,
    );
    this.problems = problems;
  }
}
