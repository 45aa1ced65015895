// Error codes of failed calls.

import { OnrampError } from "../../src/core/errors.ts";

/** The code of the `OnrampError` that `work` throws; undefined when it throws nothing. */
export function thrownCode(work: () => unknown): number | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof OnrampError) return error.code;
    throw error;
  }
}
