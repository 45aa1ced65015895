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
    throw new ExpressionError(`this is no JSONata expression: ${explain(error)}`, { cause: error });
  }
  return {
    source,
    async evaluate(input, bindings) {
      try {
        return await compiled.evaluate(input, bindings);
      } catch (error) {
        throw new ExpressionError(`the expression failed: ${explain(error)}`, { cause: error });
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
