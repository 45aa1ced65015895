// Reasons why a start cannot continue.

import { OperatorError } from "../core/errors.ts";

/** The start cannot continue; the message says why, and the next step. */
export class StartError extends OperatorError {
  override readonly name = "StartError";
}

/** A port that cannot be listened on. @param option how an operator sets another port */
export function portError(option: string, port: number, cause: unknown): StartError {
  const { code } = cause as NodeJS.ErrnoException;
  return new StartError(
    code === "EADDRINUSE"
      ? `Port ${port} is in use; choose another one with ${option}.`
      : `Cannot listen on port ${port} (${code}); see ${option}.`,
    { cause },
  );
}
