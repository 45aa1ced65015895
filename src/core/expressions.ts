// JSONata expressions of the configuration: compiled at start, evaluated on records.

import jsonata from "jsonata";

/** What an expression may use beside its input. */
export interface Bindings {
  readonly key?: string | null;
  readonly topic?: string;
  readonly headers?: Readonly<Record<string, string>>;
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

/**
 * Compiles a JSONata expression.
 *
 * @throws ExpressionError with the position of what is wrong
 */
export function compileExpression(source: string): Expression {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(source);
  } catch (error) {
    throw new ExpressionError(`"${source}" is no JSONata expression: ${explain(error)}`, { cause: error });
  }
  return {
    source,
    async evaluate(input, bindings) {
      try {
        return await compiled.evaluate(input, bindings);
      } catch (error) {
        throw new ExpressionError(`the expression "${source}" failed: ${explain(error)}`, { cause: error });
      }
    },
  };
}

/** What an expression gave, as the bytes of a record's key: text without quotes, other values as JSON; nothing is no key. */
export function toKey(value: unknown): Buffer | null {
  if (value === undefined || value === null) return null;
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

function explain(error: unknown): string {
  const { message, position } = error as { message?: string; position?: number };
  return `${message ?? String(error)}${position === undefined ? "" : ` (at position ${position})`}`;
}
