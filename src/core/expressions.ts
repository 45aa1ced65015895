// JSONata expressions of the configuration: compiled at start, evaluated on records.

import jsonata from "jsonata";

/** What an expression may use beside its input. */
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
  /** @throws ExpressionError when it fails on this input */
  evaluate(input: unknown, bindings: Bindings): Promise<unknown>;
}

/** An expression that does not compile, or fails on its input. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** JSONata can't be interrupted: what takes longer than this is told of. */
const SLOW_MS = 50;

/**
 * Compiles a JSONata expression.
 *
 * @param onSlow told when an evaluation took long; nothing else runs meanwhile
 * @throws ExpressionError with the position of what is wrong
 */
export function compileExpression(source: string, onSlow?: (ms: number) => void): Expression {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(source);
  } catch (error) {
    throw new ExpressionError(`this is no JSONata expression: ${explain(error)}`, { cause: error });
  }
  return {
    source,
    async evaluate(input, bindings) {
      const began = performance.now();
      try {
        return await compiled.evaluate(input, bindings);
      } catch (error) {
        throw new ExpressionError(`the expression failed: ${explain(error)}`, { cause: error });
      } finally {
        const took = performance.now() - began;
        if (took > SLOW_MS) onSlow?.(took);
      }
    },
  };
}

/**
 * What an expression gave, as the bytes of a record's key: text without quotes, other values as JSON; nothing is no key.
 *
 * @throws ExpressionError for a number whose digits were lost when the value was parsed: two keys would become one
 */
export function toKey(value: unknown): Buffer | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && !Number.isSafeInteger(value) && Number.isInteger(value))
    throw new ExpressionError("the key is a number of more digits than JavaScript keeps");
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

/** JSONata's own messages quote the expression or the value; its codes (https://docs.jsonata.org) do not. */
function explain(error: unknown): string {
  const { code, position } = error as { code?: string; position?: number };
  return `JSONata ${code ?? "error"}${position === undefined ? "" : ` at position ${position}`}`;
}
