// Compiles the JSONata expressions of the configuration, and evaluates them on records.

import jsonata from "jsonata";
import { type Focus, printValue } from "./expression-text.ts";
import { inexactLiteral, printOperands } from "./expression-tree.ts";
import { bytesFault, numbersFault, resultFault } from "./expression-values.ts";

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
  /**
   * @param input a value from `withExactNumbers`, in which different numbers are different
   * @throws ExpressionError when the evaluation fails; when the result contains a number that may have lost digits,
   *   an unpaired surrogate, or a function
   */
  evaluate(input: unknown, bindings: Bindings): Promise<unknown>;
}

/** The error for an expression that does not compile, or whose evaluation fails. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

type Implementation = (value: unknown, ...rest: readonly unknown[]) => unknown;

/** Replaces `$string`. Has one required argument: functions such as `$map` pass only as many arguments as are required. */
function string(this: Focus, value: unknown, prettify = false): string | undefined {
  return printValue(this, printable(value), prettify);
}

/** Replaces `$clone`, which also copies the input of a transform (`|…|…|`): JSONata's rounds fractions. */
const clone = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(printable(value)));

/** The other functions that print their first argument, with their signatures and the check of the argument. */
const PRINTERS = await Promise.all(
  (
    [
      ["formatNumber", "<n-so?:s>", numbersFault],
      ["formatBase", "<n-n?:s>", numbersFault],
      ["formatInteger", "<n-s:s>", numbersFault],
      ["base64encode", "<s-:s>", bytesFault],
    ] as const
  ).map(async ([name, signature, faultOf]) => {
    const { implementation: print } = (await jsonata(`$${name}`).evaluate(undefined)) as {
      readonly implementation: Implementation;
    };
    const checked: Implementation = (value, ...rest) => print(printable(value, faultOf), ...rest);
    return { name, signature, checked };
  }),
);

/** An evaluation that takes longer is reported, because it cannot be interrupted. */
const SLOW_MS = 50;

/**
 * Compiles a JSONata expression.
 *
 * @param onSlow called with the duration, in milliseconds, of each evaluation that took more than 50 ms
 * @throws ExpressionError with the position of the error, or of a number that JavaScript would round
 */
export function compileExpression(source: string, onSlow?: (ms: number) => void): Expression {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(source);
  } catch (error) {
    throw new ExpressionError(`this is not a valid JSONata expression: ${explain(error)}`, { cause: error });
  }
  const position = inexactLiteral(compiled, source);
  if (position !== undefined)
    throw new ExpressionError(
      `JavaScript would round the number that ends at position ${position}; write it in quotes: ${INEXACT}`,
    );
  printOperands(compiled, string);
  compiled.registerFunction("string", string, "<x-b?:s>");
  compiled.registerFunction("clone", clone, "<(oa)-:o>");
  for (const { name, signature, checked } of PRINTERS) compiled.registerFunction(name, checked, signature);
  return {
    source,
    async evaluate(input, bindings) {
      const started = performance.now();
      try {
        const result: unknown = await compiled.evaluate(input, bindings);
        return usable(result);
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
 * Converts a value to text: a string as it is, other values as JSON.
 *
 * @throws ExpressionError for a value whose text could be the text of another value
 */
export function toText(value: unknown): string {
  usable(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Converts the result of an expression to the bytes of a key: its text; undefined and null as no key.
 *
 * @throws ExpressionError as `toText`
 */
export const toKey = (value: unknown): Buffer | null =>
  value === undefined || value === null ? null : Buffer.from(toText(value));

function usable(result: unknown): unknown {
  const fault = resultFault(result);
  if (fault !== undefined) throw new ExpressionError(`the result is or contains ${fault}`);
  return result;
}

function printable(value: unknown, faultOf = numbersFault): unknown {
  const fault = faultOf(value);
  if (fault !== undefined)
    throw new ExpressionError(`a value cannot be converted: it is or contains ${fault}`);
  return value;
}

const INEXACT =
  "in expressions, integers over 2^53 - 1 and other numbers that JavaScript would round are strings with the digits as sent; compare them with a string, or convert them with $number";
/** JSONata's codes for a string where a number is expected, or next to a number. */
const TYPE_ERRORS = ["D3070", "T0410", "T0412", "T2001", "T2002", "T2007", "T2008", "T2009", "T2010"];

/**
 * Builds a message from the code and the position of an error. JSONata's own messages are not used, because
 * they quote the expression or the value.
 */
function explain(error: unknown): string {
  if (error instanceof ExpressionError) return error.message;
  const { code, position } = error as { code?: string; position?: number };
  const at = position === undefined ? "" : ` at position ${position}`;
  const hint = code !== undefined && TYPE_ERRORS.includes(code) ? ` (${INEXACT})` : "";
  return `JSONata ${code ?? "error"}${at}${hint}`;
}
