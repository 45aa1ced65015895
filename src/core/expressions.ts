// Compiles the JSONata expressions of the configuration, and evaluates them on records.

import jsonata from "jsonata";

/** The variables that an expression may use besides its input. */
export interface Bindings {
  readonly key?: string | null;
  readonly topic?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly partition?: number;
  readonly offset?: number;
  /** Milliseconds since 1970. */
  readonly timestamp?: number;
  /** Functions by name, called as `$name(…)`. */
  readonly [name: string]: unknown;
}

/** A compiled expression. */
export interface Expression {
  readonly source: string;
  /** @throws ExpressionError when the evaluation fails */
  evaluate(input: unknown, bindings: Bindings): Promise<unknown>;
}

/** The error for an expression that does not compile, or whose evaluation fails. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** An evaluation that takes longer is reported, because it cannot be interrupted. */
const SLOW_MS = 50;

/**
 * Compiles a JSONata expression.
 *
 * @param onSlow called with the duration, in milliseconds, of each evaluation that took more than 50 ms
 * @throws ExpressionError with the position of the error
 */
export function compileExpression(source: string, onSlow?: (ms: number) => void): Expression {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(source);
  } catch (error) {
    throw new ExpressionError(`this is not a valid JSONata expression: ${explain(error)}`, { cause: error });
  }
  return {
    source,
    async evaluate(input, bindings) {
      const started = performance.now();
      try {
        return await compiled.evaluate(input, bindings);
      } catch (error) {
        throw new ExpressionError(`the expression failed: ${explain(error)}`, { cause: error });
      } finally {
        const elapsed = performance.now() - started;
        if (elapsed > SLOW_MS) onSlow?.(elapsed);
      }
    },
  };
}

/**
 * Converts the result of an expression to the bytes of a key: a string as it is, other values as JSON,
 * undefined and null as no key.
 *
 * @throws ExpressionError for an integer that may have lost digits when the value was parsed: different keys
 *   could become the same key
 */
export function toKey(value: unknown): Buffer | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && !Number.isSafeInteger(value) && Number.isInteger(value))
    throw new ExpressionError("the key is an integer with more digits than JavaScript can represent");
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

/**
 * Builds a message from the code and the position of an error. JSONata's own messages are not used, because
 * they quote the expression or the value.
 */
function explain(error: unknown): string {
  const { code, position } = error as { code?: string; position?: number };
  return `JSONata ${code ?? "error"}${position === undefined ? "" : ` at position ${position}`}`;
}
