// Evaluates common filters at once, without the promises of JSONata. Decides only where JSONata, with our operators and
// functions, certainly has the same result: for scalar values in plain objects.

import { isDecimalText } from "./decimal.ts";
import type { Bindings } from "./expressions.ts";
import { indexOfText } from "./long-text.ts";

/** Evaluates a filter. @returns undefined when JSONata must evaluate it, which may fail then */
export type Shortcut = (input: unknown, bindings: Bindings) => boolean | undefined;

/** A node of JSONata's syntax tree. */
interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly [member: string]: unknown;
}

type Members = Readonly<Record<string, unknown>>;
/** Evaluates a node: to a scalar, null, undefined without a value, a plain object, or `UNDECIDED`. */
type Evaluate = (input: Members, bindings: Bindings) => unknown;
type Operate = (left: unknown, right?: unknown) => unknown;

/** The result where JSONata must evaluate. An object, because operators do not decide on other objects either. */
const UNDECIDED: object = Object.freeze({});

/** The characters of a text, and of a number; the comparisons of a search. An evaluation is short: nothing ends it. */
const [MAX_TEXT, MAX_NUMBER, MAX_COMPARISONS] = [2 ** 14, 64, 2 ** 16];

const VARIABLES: ReadonlySet<unknown> = new Set(["key", "topic", "partition", "offset", "timestamp"]);

/** @param tree before operators are replaced in it. @returns undefined if a part of the tree is not supported */
export function compileShortcut(tree: unknown): Shortcut | undefined {
  const evaluate = compile(tree as Node);
  if (!evaluate) return undefined;
  return (input, bindings) => {
    const result = isPlain(input) ? evaluate(input, bindings) : UNDECIDED;
    return isObject(result) ? undefined : result === true;
  };
}

function compile(node: Node): Evaluate | undefined {
  const [compileNode, ...members] = NODES[node.type] ?? [];
  return hasOnly(node, members) ? compileNode?.(node) : undefined;
}

const hasOnly = (node: object, members: readonly string[] = []): boolean =>
  Object.keys(node).every((name) => ["type", "value", "position", ...members].includes(name));

function literal({ value }: Node): Evaluate {
  return () => value;
}

const variable = ({ value: name }: Node): Evaluate | undefined =>
  VARIABLES.has(name) ? (_input, bindings) => usable(bindings[name as string]) : undefined;

/** Compiles names, also after `$headers`. Objects inherit the names that are not supported. */
function path({ steps }: Node): Evaluate | undefined {
  const [first, ...others] = steps as readonly [Node, ...Node[]];
  const inHeaders = first.type === "variable" && first.value === "headers" && hasOnly(first);
  const names = inHeaders ? others : [first, ...others];
  if (!names.every((step) => step.type === "name" && hasOnly(step) && !(String(step.value) in {})))
    return undefined;
  const [name = "", ...inner] = names.map(({ value }) => value as string);
  const within = (members: Members): unknown => {
    let value = usable(members[name]);
    for (const next of inner)
      if (value !== UNDECIDED) value = isObject(value) ? usable((value as Members)[next]) : undefined;
    return value;
  };
  return inHeaders ? (_input, { headers }) => (isPlain(headers) ? within(headers) : UNDECIDED) : within;
}

const block = ({ expressions }: Node): Evaluate | undefined =>
  (expressions as readonly Node[]).length === 1 ? compile((expressions as [Node])[0]) : undefined;

const negation = ({ value, expression: rhs }: Node): Evaluate | undefined =>
  value === "-" ? binary({ type: "binary", value, lhs: { type: "number", value: 0 }, rhs }) : undefined;

function binary({ value: operator, lhs, rhs }: Node): Evaluate | undefined {
  const left = compile(lhs as Node);
  if (operator === "in") return left && membership(left, rhs as Node);
  const right = compile(rhs as Node);
  if (!left || !right) return undefined;
  if (operator === "and" || operator === "or")
    return (input, bindings) => {
      const first = truth(left(input, bindings));
      return first === (operator === "and") ? truth(right(input, bindings)) : first;
    };
  const operate = OPERATIONS.get(operator);
  return operate && ((input, bindings) => operate(left(input, bindings), right(input, bindings)));
}

function membership(item: Evaluate, { type, value: operator, ...list }: Node): Evaluate | undefined {
  if (type !== "unary" || operator !== "[" || !hasOnly(list, ["expressions"])) return undefined;
  const literals = list["expressions"] as readonly Node[];
  if (!literals.every((node) => NODES[node.type]?.[0] === literal && hasOnly(node))) return undefined;
  const values = new Set(literals.map(({ value }) => value));
  return (input, bindings) => {
    const value = item(input, bindings);
    return isObject(value) ? UNDECIDED : values.has(value);
  };
}

function call({ procedure, arguments: given }: Node): Evaluate | undefined {
  const { type, value: name } = procedure as Node;
  const args = (given as readonly Node[]).map(compile);
  const operate = type === "variable" ? OPERATIONS.get(`${name}/${args.length}`) : undefined;
  const [first, second] = args;
  if (!operate || !first || args.includes(undefined) || !hasOnly(procedure as Node)) return undefined;
  return (input, bindings) => operate(first(input, bindings), second?.(input, bindings));
}

function equality(equal: boolean): Operate {
  return (left, right) => {
    if (isObject(left) || isObject(right)) return UNDECIDED;
    return left !== undefined && right !== undefined && (left === right) === equal;
  };
}

/** An operation on two values of one type. Without one of them, it has no result; with another type, it fails. */
function onBoth<T>(expected: string, compute: (left: T, right: T) => unknown): Operate {
  const isAllowed = (value: unknown): boolean => value === undefined || typeof value === expected;
  return (left, right) => {
    if (typeof left === expected && typeof right === expected) return compute(left as T, right as T);
    return isAllowed(left) && isAllowed(right) ? undefined : UNDECIDED;
  };
}

function comparison(holds: (left: string | number, right: string | number) => boolean): Operate {
  const numbers = onBoth("number", holds);
  const texts = onBoth<string>("string", (left, right) =>
    isNumberLike(left) || isNumberLike(right) ? UNDECIDED : holds(left, right),
  );
  return (left, right) => (typeof (left ?? right) === "number" ? numbers(left, right) : texts(left, right));
}

/** Whether a text may have to be compared as a number. */
const isNumberLike = (text: string): boolean =>
  /^[-\d]/.test(text) && (text.length > MAX_NUMBER || isDecimalText(text));

const arithmetic = (compute: (left: number, right: number) => number): Operate =>
  onBoth<number>("number", (left, right) => usable(compute(left, right)));

const contains = onBoth<string>("string", (within, wanted) =>
  (within.length + 1) * (wanted.length + 1) > MAX_COMPARISONS ? UNDECIDED : indexOfText(within, wanted) >= 0,
);

function truth(value: unknown): boolean | object {
  if (typeof value === "boolean") return value;
  return isObject(value) ? UNDECIDED : value !== undefined && value !== null && value !== 0 && value !== "";
}

/** @returns a finite scalar, null or a plain object as it is: JSONata fails with infinite numbers */
function usable(value: unknown): unknown {
  if (typeof value === "string") return value.length <= MAX_TEXT ? value : UNDECIDED;
  if (typeof value === "number") return Number.isFinite(value) ? value : UNDECIDED;
  return typeof value === "boolean" || (value ?? null) === null || isPlain(value) ? value : UNDECIDED;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** JSONata's functions are objects with these members. */
function isPlain(value: unknown): value is Members {
  if (!isObject(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  const isOrdinary = prototype === Object.prototype || prototype === null;
  return isOrdinary && !("_jsonata_function" in value) && !("_jsonata_lambda" in value);
}

/** How nodes are compiled, by type, and their members. With another member, such as a predicate, they are not supported. */
const NODES: Readonly<Record<string, readonly [(node: Node) => Evaluate | undefined, ...string[]]>> = {
  string: [literal],
  number: [literal],
  value: [literal],
  variable: [variable],
  path: [path, "steps"],
  block: [block, "expressions"],
  unary: [negation, "expression"],
  binary: [binary, "lhs", "rhs"],
  function: [call, "name", "arguments", "procedure"],
};

/** Operators, and functions with the number of their arguments. */
const OPERATIONS: ReadonlyMap<unknown, Operate> = new Map<unknown, Operate>([
  ["=", equality(true)],
  ["!=", equality(false)],
  ["<", comparison((left, right) => left < right)],
  ["<=", comparison((left, right) => left <= right)],
  [">", comparison((left, right) => left > right)],
  [">=", comparison((left, right) => left >= right)],
  ["+", arithmetic((left, right) => left + right)],
  ["-", arithmetic((left, right) => left - right)],
  ["*", arithmetic((left, right) => left * right)],
  ["/", arithmetic((left, right) => left / right)],
  ["%", arithmetic((left, right) => left % right)],
  ["contains/2", contains],
  ["exists/1", (value) => (value === UNDECIDED ? UNDECIDED : value !== undefined)],
  ["not/1", (value) => (isObject(value) ? UNDECIDED : value === undefined ? undefined : !truth(value))],
]);
