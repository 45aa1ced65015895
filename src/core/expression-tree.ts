// Inspects and changes the syntax tree of JSONata expressions.

import { isExactNumber } from "./decimal.ts";
import type { Focus } from "./expression-text.ts";

/** The parts of JSONata's compiled expression that are used here. */
interface Compiled {
  ast(): Node;
  registerFunction(name: string, implementation: (this: Focus, operand: unknown) => unknown): void;
}

interface Node {
  readonly type: string;
  readonly value?: unknown;
  /** The position after the token of the node. */
  readonly position?: number;
}

/** The name of the variable for `printOperands`. An expression cannot contain it. */
const OPERAND = "&";
const NUMBER = /(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d+)?$/i;

/** @returns the position after the first number that JavaScript would round; undefined without such a number */
export function inexactLiteral(compiled: Compiled, source: string): number | undefined {
  let found: number | undefined;
  walk(compiled.ast(), (node) => {
    if (node.type !== "number" || found !== undefined) return;
    const text = NUMBER.exec(source.slice(0, node.position))?.[0] ?? "";
    // The digits of a name or of a path before the number can match as well: then the text is another number.
    const literal = Number(text) === Math.abs(node.value as number) ? text : String(node.value);
    if (!isExactNumber(literal)) found = node.position ?? 0;
  });
  return found;
}

/** Makes an expression convert the operands of each `&` with a function, because `&` itself cannot be replaced. */
export function printOperands(compiled: Compiled, print: (this: Focus, operand: unknown) => unknown): void {
  compiled.registerFunction(OPERAND, print);
  walk(compiled.ast(), (node) => {
    if (node.type !== "binary" || node.value !== "&") return;
    const { position } = node;
    const { lhs, rhs } = node as Node & { readonly lhs: Node; readonly rhs: Node };
    const procedure = { type: "variable", value: OPERAND, position };
    const call = (operand: Node) => ({
      type: "function",
      value: "(",
      position,
      procedure,
      arguments: [operand],
    });
    Object.assign(node, { lhs: call(lhs), rhs: call(rhs) });
  });
}

function walk(tree: unknown, visit: (node: Node) => void, seen = new Set<unknown>()): void {
  if (typeof tree !== "object" || tree === null || seen.has(tree)) return;
  seen.add(tree);
  if ("type" in tree) visit(tree as Node);
  for (const inner of Object.values(tree)) walk(inner, visit, seen);
}
