// The part of JSONata that filters of clients may use. The time of each construct is
// proportional to the value, and an evaluation can be stopped between two steps.

import { ExpressionError } from "./expression-error.ts";

/** The functions of filters, with the maximum number of their arguments. */
export const FUNCTIONS: ReadonlyMap<string, number> = new Map([
  ["abs", 1],
  ["average", 1],
  ["boolean", 1],
  ["ceil", 1],
  ["contains", 2],
  ["count", 1],
  ["exists", 1],
  ["floor", 1],
  // With a second argument, these three interpret a picture, whose cost depends on its text.
  ["fromMillis", 1],
  ["now", 0],
  ["toMillis", 1],
  ["length", 1],
  ["lookup", 2],
  ["lowercase", 1],
  ["max", 1],
  ["millis", 0],
  ["min", 1],
  ["not", 1],
  ["number", 1],
  ["round", 2],
  ["string", 1],
  ["substring", 3],
  ["substringAfter", 2],
  ["substringBefore", 2],
  ["sum", 1],
  ["trim", 1],
  ["type", 1],
  ["uppercase", 1],
]);

const VARIABLES = ["key", "headers", "topic", "partition", "offset", "timestamp"];

const MAX_LENGTH = 2000;
const MAX_NODES = 500;
const MAX_DEPTH = 100;
const MAX_CONCATENATIONS = 20;
/** The maximum number of `?:` and `??`. The parser copies the left side of each, so each level of nesting doubles the tree. */
const MAX_DEFAULTS = 3;

/** The types of nodes that are refused, with their names in messages. */
const REFUSED: Readonly<Record<string, string>> = {
  apply: "the operator ~>",
  bind: "an assignment (:=)",
  descendant: "the wildcard **",
  lambda: "a function definition",
  parent: "the parent operator %",
  partial: "a partial application (?)",
  regex: "a regular expression",
  sort: "the sort ^(…)",
  transform: "a transform (|…|…|)",
};

const ALLOWED: ReadonlySet<string> = new Set([
  "binary",
  "block",
  "condition",
  "function",
  "name",
  "number",
  "path",
  "string",
  "unary",
  "value",
  "variable",
  "wildcard",
]);

const OPERATORS: ReadonlySet<unknown> = new Set([..."= != < <= > >= & + - * / % and or in".split(" ")]);

interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly position?: number;
  readonly group?: { readonly position: number };
  readonly [member: string]: unknown;
}

/** The place of a node in the tree. */
interface Place {
  readonly depth: number;
  /** Within a predicate or after the first step of a path: evaluated for each item. */
  readonly repeated: boolean;
}

/**
 * Checks the text of a filter before it is parsed: its length, and operators that make the parser slow.
 *
 * @throws ExpressionError that names the limit
 */
export function checkSource(source: string): void {
  if (source.length > MAX_LENGTH)
    throw new ExpressionError(
      `the filter has ${source.length} characters, more than ${MAX_LENGTH.toLocaleString("en")}`,
    );
  const defaults = [...source.matchAll(/\?(?=[?:])/g)];
  const first = defaults[MAX_DEFAULTS];
  if (first)
    throw new ExpressionError(
      `a filter may contain at most ${MAX_DEFAULTS} of ?: and ??, counting those in strings: position ${first.index + 2}`,
    );
}

/**
 * Checks the syntax tree of a filter.
 *
 * @throws ExpressionError that names the construct that is not allowed, and its position
 */
export const checkTree = (tree: unknown): void => new Check().visit(tree, { depth: 0, repeated: false });

class Check {
  #nodes = 0;
  #concatenations = 0;
  /** The position of the last node that has one. */
  #position = 0;

  /** Visits all members, so that no node is left out, whatever the name of its member. */
  visit(value: unknown, place: Place): void {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) for (const item of value) this.visit(item, place);
    else if (!("type" in value)) this.#visitMembers(value, place);
    else this.#visitNode(value as Node, { ...place, depth: place.depth + 1 });
  }

  #visitMembers(members: object, place: Place): void {
    for (const [name, inner] of Object.entries(members)) {
      const predicate = name === "stages" || name === "predicate";
      // The type of a predicate is that of a stage, not of a node.
      if (predicate)
        for (const { type, expr } of inner as readonly Stage[]) this.#visitStage(type, expr, place);
      else if (name === "steps")
        for (const [index, step] of (inner as readonly Node[]).entries())
          this.visit(step, { ...place, repeated: place.repeated || index > 0 });
      else this.visit(inner, place);
    }
  }

  #visitStage(type: string, expr: unknown, place: Place): void {
    if (type !== "filter") this.#refuse("the position operator #");
    this.visit(expr, { ...place, repeated: true });
  }

  #visitNode(node: Node, place: Place): void {
    this.#position = node.position ?? this.#position;
    if (++this.#nodes > MAX_NODES) this.#refuse(`more than ${MAX_NODES} parts`);
    if (place.depth > MAX_DEPTH) this.#refuse(`more than ${MAX_DEPTH} levels`);
    if (!ALLOWED.has(node.type)) this.#refuse(REFUSED[node.type] ?? `the construct "${node.type}"`);
    if (node.group) this.#refuse("a group {…}", "", node.group.position);
    if ("focus" in node) this.#refuse("the binding operator @");
    if ("index" in node) this.#refuse("the position operator #");
    if (node.type === "function") return this.#visitCall(node, place);
    if (node.type === "variable") this.#checkVariable(node, place);
    if (node.type === "binary") this.#checkOperator(node);
    if (node.type === "unary" && node.value === "{") this.#refuse("an object {…}");
    this.#visitMembers(node, place);
    if (node.type === "unary" && node.value === "[" && !(node["expressions"] as Node[]).every(isLiteral))
      this.#refuse("an array with an item that is not a literal");
  }

  #visitCall({ procedure, ...rest }: Node, place: Place): void {
    const { type, value, ...others } = procedure as Node;
    const name = String(value);
    const most = type === "variable" && !("predicate" in others) ? FUNCTIONS.get(name) : undefined;
    if (most === undefined)
      this.#refuse(
        type === "variable" ? `the function $${name}` : "a call without the name of a function",
        `; allowed are ${list([...FUNCTIONS.keys()])}`,
      );
    if ((rest["arguments"] as Node[]).length > most)
      this.#refuse(`the function $${name} with more than ${most} argument${most === 1 ? "" : "s"}`);
    this.#visitMembers(rest, place);
  }

  #checkVariable({ value }: Node, { repeated }: Place): void {
    if (value === "$" && repeated) this.#refuse("$$ in a predicate or after the first step of a path");
    if (value === "" || value === "$" || VARIABLES.includes(value as string)) return;
    if (FUNCTIONS.has(value as string)) this.#refuse(`the function $${value} without a call`);
    this.#refuse(`the variable $${value}`, `; the variables are ${list(VARIABLES)}`);
  }

  #checkOperator({ value }: Node): void {
    if (!OPERATORS.has(value)) this.#refuse(value === ".." ? "a range (..)" : `the operator ${value}`);
    if (value === "&" && ++this.#concatenations > MAX_CONCATENATIONS)
      this.#refuse(`more than ${MAX_CONCATENATIONS} operators &`);
  }

  #refuse(construct: string, hint = "", position = this.#position): never {
    throw new ExpressionError(`${construct} is not allowed in a filter (position ${position})${hint}`);
  }
}

interface Stage {
  readonly type: string;
  readonly expr: unknown;
}

/** Only literals: JSONata evaluates the items of an array concurrently, so the time limit would stop them late. */
const isLiteral = (node: Node): boolean =>
  ["string", "number", "value"].includes(node.type) || (node.type === "unary" && node.value === "[");

const list = (names: readonly string[]): string => names.map((name) => `$${name}`).join(" ");
