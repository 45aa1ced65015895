// The errors of a start that cannot continue.

import { OperatorError } from "../core/errors.ts";

/** The error of a start that cannot continue. The message contains the reason and the next step. */
export class StartError extends OperatorError {
  override readonly name = "StartError";
}

/** Creates the error for a port that cannot be listened on. @param option the option that sets the port */
export function portError(option: string, port: number, cause: unknown): StartError {
  const { code } = cause as NodeJS.ErrnoException;
  return new StartError(
    code === "EADDRINUSE"
      ? `Port ${port} is in use; choose another one with ${option}.`
      : `Cannot listen on port ${port} (${code}); see ${option}.`,
    { cause },
  );
}
