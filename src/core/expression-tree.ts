// Inspects and changes the syntax tree of JSONata expressions.

import { isExactNumber } from "./decimal.ts";
import { string } from "./expression-functions.ts";
import { COMPARISONS, sortable } from "./expression-operators.ts";
import type { Focus } from "./expression-text.ts";

/** The parts of JSONata's compiled expression that are used here. */
interface Compiled {
  ast(): Node;
  registerFunction(name: string, implementation: (this: Focus, ...operands: unknown[]) => unknown): void;
}

interface Node {
  readonly type: string;
  readonly value?: unknown;
  /** The position after the token of the node. */
  readonly position?: number | undefined;
}

interface BinaryNode extends Node {
  readonly lhs: Node;
  readonly rhs: Node;
}

interface SortNode extends Node {
  readonly terms: { expression: Node }[];
}

// The names of variables for the functions. An expression cannot contain them.
const OPERAND = "&";
const SORT_TERM = "^";
/** A number at the end of a text. It does not begin within digits, so that the search takes linear time. */
const NUMBER = /(?<!\d)(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d+)?$/i;

/** @returns the position after the first number that JavaScript would round; undefined without such a number */
export function inexactLiteral(compiled: Compiled, source: string): number | undefined {
  const numbers: { readonly value: number; readonly position: number }[] = [];
  walk(compiled.ast(), ({ type, value, position = 0 }) => {
    if (type === "number") numbers.push({ value: value as number, position });
  });
  numbers.sort((a, b) => a.position - b.position);
  let before = 0;
  for (const { value, position } of numbers) {
    const text = NUMBER.exec(source.slice(before, position))?.[0] ?? "";
    // The digits of a name or of a path before the number can match as well: then the text is another number.
    if (!isExactNumber(Number(text) === Math.abs(value) ? text : String(value))) return position;
    before = position;
  }
  return undefined;
}

/**
 * Makes an expression call functions instead of operators that cannot be replaced otherwise: for the comparisons, for
 * each operand of `&`, and for each term of `^(…)`.
 */
export function replaceOperators(compiled: Compiled): void {
  walk(compiled.ast(), (node) => {
    if (node.type === "sort")
      for (const term of (node as SortNode).terms) term.expression = call(SORT_TERM, node, term.expression);
    if (node.type !== "binary") return;
    const { lhs, rhs, value } = node as BinaryNode;
    if (value === "&") Object.assign(node, { lhs: call(OPERAND, node, lhs), rhs: call(OPERAND, node, rhs) });
    else if (COMPARISONS.has(value as string)) Object.assign(node, call(value as string, node, lhs, rhs));
  });
}

/** Registers the functions that `replaceOperators` uses. */
export function registerOperators(compiled: Compiled): void {
  compiled.registerFunction(OPERAND, string);
  compiled.registerFunction(SORT_TERM, sortable);
  for (const [operator, compare] of COMPARISONS) compiled.registerFunction(operator, compare);
}

/**
 * Builds a value that JSONata evaluates when a function returns it, as it does with the last call in a function.
 *
 * @returns the evaluation of an expression on an input, with the variables and functions of `environment`
 */
export const evaluationOf = (compiled: Compiled, input: unknown, { environment }: Focus): object => ({
  _jsonata_lambda: true,
  thunk: true,
  input,
  environment,
  body: { procedure: { type: "lambda", arguments: [], body: compiled.ast() }, arguments: [] },
});

const call = (name: string, { position }: Node, ...operands: readonly Node[]) => ({
  type: "function",
  value: "(",
  position,
  procedure: { type: "variable", value: name, position },
  arguments: operands,
});

function walk(tree: unknown, visit: (node: Node) => void, seen = new Set<unknown>()): void {
  if (typeof tree !== "object" || tree === null || seen.has(tree)) return;
  seen.add(tree);
  if ("type" in tree) visit(tree as Node);
  for (const inner of Object.values(tree)) walk(inner, visit, seen);
}
