// Prepares the arguments of a command.

import type { ParseArgsConfig } from "node:util";
import { OperatorError } from "../core/errors.ts";

/** The command cannot run with its arguments. The message is printed with the usage of the command; the exit code is 2. */
export class UsageError extends OperatorError {
  override readonly name = "UsageError";
}

/**
 * Joins an option and a value that is a negative number: `--from -20` becomes `--from=-20`. Node's parser would read such a value
 * as an option.
 */
export function joinNegativeValues(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig["options"]>,
): string[] {
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
