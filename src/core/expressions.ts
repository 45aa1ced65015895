// Compiles the JSONata expressions of the configuration, and evaluates them on records.

import jsonata from "jsonata";
import { ExpressionError } from "./expression-error.ts";
import { type Replacement, replacements } from "./expression-functions.ts";
import type { Focus } from "./expression-text.ts";
import { evaluationOf, inexactLiteral, registerOperators, replaceOperators } from "./expression-tree.ts";
import { resultFault } from "./expression-values.ts";

export { ExpressionError };

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
  /**
   * The result of a filter. A result other than `true` is false, also one that `evaluate` would refuse.
   *
   * @param input as for `evaluate`
   * @throws ExpressionError when the evaluation fails
   */
  matches(input: unknown, bindings: Bindings): Promise<boolean>;
}

/** Restricts the syntax and the functions of expressions that do not come from the operator. */
export interface Restrictions {
  /** JSONata's limits: milliseconds, nested evaluations, and items of a sequence. */
  readonly limits: { readonly timeout: number; readonly stack: number; readonly sequence: number };
  /** Replace the functions and operators with these names. */
  readonly functions: Readonly<Record<string, Replacement>>;
  /**
   * Called with the syntax tree before operators are replaced in it.
   *
   * @throws ExpressionError for a construct that is not allowed
   */
  check(tree: unknown): void;
}

const REPLACEMENTS = await replacements((source) => jsonata(source).evaluate(undefined));

/** JSONata copies the items of an array in an array once per level when it looks up a name. */
const MAX_ARRAY_LEVELS = 64;

/** An evaluation that takes longer is reported, because it cannot be interrupted. */
const SLOW_MS = 50;

/**
 * Compiles a JSONata expression.
 *
 * @param onSlow called with the duration, in milliseconds, of each evaluation that took more than 50 ms
 * @throws ExpressionError with the position of the error, or of a number over 2^53 - 1 or that JavaScript would round
 */
export function compileExpression(
  source: string,
  onSlow?: (ms: number) => void,
  restrictions?: Restrictions,
): Expression {
  const compiled = compile(source, restrictions);
  const evaluate = async <T>(input: unknown, bindings: Bindings, use: (result: unknown) => T): Promise<T> => {
    const started = performance.now();
    try {
      // Restricted expressions have a stricter rule; see `client-filter.ts`.
      if (!restrictions) requireFlat(input, 0);
      return use(await compiled.evaluate(input, bindings));
    } catch (error) {
      throw new ExpressionError(`the expression failed: ${explain(error)}`, { cause: error });
    } finally {
      const elapsed = performance.now() - started;
      if (elapsed > SLOW_MS) onSlow?.(elapsed);
    }
  };
  return {
    source,
    evaluate: (input, bindings) => evaluate(input, bindings, usable),
    matches: (input, bindings) => evaluate(input, bindings, (result) => result === true),
  };
}

/** @throws ExpressionError for arrays that contain arrays in too many levels */
function requireFlat(value: unknown, arrays: number): void {
  if (typeof value !== "object" || value === null) return;
  const isArray = Array.isArray(value);
  if (arrays === MAX_ARRAY_LEVELS && isArray)
    throw new ExpressionError(`the value has arrays in arrays in more than ${MAX_ARRAY_LEVELS} levels`);
  for (const inner of isArray ? value : Object.values(value)) requireFlat(inner, isArray ? arrays + 1 : 0);
}

/** @returns the function that expressions call by this name */
export async function functionNamed(name: string): Promise<Replacement> {
  const { implementation, signature } = await compile(`$${name}`).evaluate(undefined);
  return { implementation, signature: signature.definition };
}

function compile(source: string, restrictions?: Restrictions): jsonata.Expression {
  const compiled = parse(source, restrictions);
  registerOperators(compiled);
  for (const [name, { implementation, signature }] of Object.entries({
    ...REPLACEMENTS,
    ...restrictions?.functions,
  }))
    compiled.registerFunction(name, implementation, signature);
  compiled.registerFunction("eval", evaluateText, "<sx?:x>");
  return compiled;
}

function parse(source: string, restrictions?: Restrictions): jsonata.Expression {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(source, restrictions?.limits);
  } catch (error) {
    throw new ExpressionError(`this is not a valid JSONata expression: ${explain(error)}`, { cause: error });
  }
  restrictions?.check(compiled.ast());
  const position = inexactLiteral(compiled, source);
  if (position !== undefined)
    throw new ExpressionError(
      `a number is over 2^53 - 1 or would be rounded: the number that ends at position ${position}; write it in quotes: ${INEXACT}`,
    );
  replaceOperators(compiled);
  return compiled;
}

/** Replaces `$eval`, which neither checks the text nor replaces its operators. */
function evaluateText(this: Focus, expr: string | undefined, focus: unknown): object | undefined {
  if (expr === undefined) return undefined;
  try {
    return evaluationOf(parse(expr), focus === undefined ? this.input : asInput(focus), this);
  } catch (error) {
    throw new ExpressionError(`in the text that $eval evaluates, ${explain(error)}`, { cause: error });
  }
}

/** JSONata wraps an input that is an array in another array. */
const asInput = (value: unknown): unknown =>
  Array.isArray(value) && !("sequence" in value)
    ? Object.assign([value], { sequence: true, outerWrapper: true })
    : value;

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

const INEXACT =
  "in expressions, integers over 2^53 - 1 and other numbers that JavaScript would round are strings with the digits as sent; compare them with <, <=, > or >=, or with = and a string; arithmetic with them is not possible";
/** JSONata's codes for a string where a number is expected, or next to a number. */
const TYPE_ERRORS = [
  "D3070",
  "T0410",
  "T0412",
  "T2001",
  "T2002",
  "T2003",
  "T2004",
  "T2007",
  "T2008",
  "T2009",
  "T2010",
];

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
