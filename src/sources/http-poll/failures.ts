// Decides what an answer means: a success, a failure, or an expired cursor.

import type { Expression } from "../../core/expressions.ts";
import { SourceError, type SourceErrorKind } from "../../core/source.ts";
import { parseDuration } from "../../core/units.ts";
import { type ApiAnswer, bindingsOf } from "./answers.ts";

/** How an API reports that its cursor has expired. */
export interface Expired {
  readonly status: number;
  /** Undefined: every answer with the status. */
  readonly when: Expression | undefined;
}

/** Whether the answer reports an expired cursor. @throws ExpressionError when the evaluation fails */
export async function isExpired(expired: Expired | undefined, answer: ApiAnswer): Promise<boolean> {
  if (!expired || expired.status !== answer.status) return false;
  return expired.when === undefined || expired.when.matches(answer.value, bindingsOf(answer));
}

/**
 * Applies the expression `failure`.
 *
 * @param api the name of the API in the message
 * @returns undefined when the expression finds no failure
 * @throws ExpressionError when the evaluation fails
 */
export async function failureIn(
  failure: Expression | undefined,
  answer: ApiAnswer,
  api: string,
): Promise<SourceError | undefined> {
  const found = await failure?.evaluate(answer.value, bindingsOf(answer));
  if (found === undefined || found === null || found === false) return undefined;
  const reported = `${api} answered ${answer.status}, which the option failure reports as a failure`;
  const wait = waitIn(found);
  if (wait !== undefined)
    return new SourceError("passing", `${reported}; Onramp waits as long as the option failure returned`, {
      retryAfterMs: wait,
    });
  if (isKind(found))
    return new SourceError(
      found,
      found === "passing"
        ? reported
        : `${reported}; send the request of the source with another client, such as curl, to see the answer`,
    );
  return new SourceError(
    "blocked",
    `failure: the result for a response of ${api} must be "passing", "blocked", or a time to wait (seconds, or a duration such as "15m"); correct the expression`,
  );
}

const isKind = (found: unknown): found is SourceErrorKind => found === "passing" || found === "blocked";

/** A number is seconds; a string is a duration such as "15m". */
function waitIn(found: unknown): number | undefined {
  if (typeof found === "number") return Math.max(0, found * 1000);
  return typeof found === "string" ? parseDuration(found) : undefined;
}
