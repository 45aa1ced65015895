// The keywords of JSON Schema that compare values, on numbers of any size. A validator compares JavaScript's
// numbers, in which different ids become equal. Used only for values that contain such a number.

import { canonicalNumber, compareDecimals, type Decimal, decimalOf, isMultipleOf } from "./decimal.ts";
import type { ExactValue } from "./json-numbers.ts";

/** The reason why a value violates a keyword; undefined when it does not. */
type Check = (value: Operand) => string | undefined;

/** A part of the value or of the schema. */
type Operand = ExactValue;

/** A keyword in the form that `Ajv.addKeyword` accepts. */
export interface ExactKeyword {
  readonly keyword: string;
  readonly errors: true;
  readonly type?: "number" | "array";
  readonly compile: (rounded: unknown, parent: object) => ExactValidate;
}

interface ExactValidate {
  /** @param this the whole value */
  (this: ExactValue, data: unknown, place?: { readonly instancePath: string }): boolean;
  errors?: { readonly keyword: string; readonly message: string; readonly params: object }[];
}

/** Builds the check of each keyword from its value in the schema. */
const CHECKS: Readonly<Record<string, (limit: Operand) => Check>> = {
  const: (limit) => {
    const expected = canonical(limit);
    return (value) => (canonical(value) === expected ? undefined : "must be equal to constant");
  },
  enum: (limit) => {
    const allowed = new Set(elementsOf(limit).map(canonical));
    return (value) =>
      allowed.has(canonical(value)) ? undefined : "must be equal to one of the allowed values";
  },
  minimum: limitOf(">=", (order) => order >= 0),
  maximum: limitOf("<=", (order) => order <= 0),
  exclusiveMinimum: limitOf(">", (order) => order > 0),
  exclusiveMaximum: limitOf("<", (order) => order < 0),
  multipleOf: (limit) => {
    const divisor = decimal(limit);
    return (value) =>
      isMultipleOf(decimal(value), divisor) ? undefined : `must be multiple of ${textOf(limit)}`;
  },
  uniqueItems: ({ rounded }) =>
    rounded === true ? (value) => duplicateIn(elementsOf(value)) : () => undefined,
};

/**
 * Builds the keywords. They are called with the whole value as `this`, so the validator must pass its context.
 *
 * @param document the schema
 * @param exact the schema in which inexact numbers are strings
 */
export function exactKeywords(document: unknown, exact: unknown): readonly ExactKeyword[] {
  const exactOf = pairs(document, exact, new WeakMap());
  return Object.entries(CHECKS).map(([keyword, check]) => ({
    keyword,
    errors: true,
    ...typeOf(keyword),
    compile(rounded, parent) {
      const limit = memberOf(exactOf.get(parent), keyword);
      const violation = check({ rounded, exact: limit ?? rounded });
      const validate: ExactValidate = function (data, place) {
        const message = violation({ rounded: data, exact: valueAt(this.exact, place?.instancePath ?? "") });
        if (message !== undefined) validate.errors = [{ keyword, message, params: {} }];
        return message === undefined;
      };
      return validate;
    },
  }));
}

function typeOf(keyword: string): Pick<ExactKeyword, "type"> {
  if (keyword === "const" || keyword === "enum") return {};
  return { type: keyword === "uniqueItems" ? "array" : "number" };
}

function limitOf(symbol: string, allows: (order: number) => boolean): (limit: Operand) => Check {
  return (limit) => {
    const bound = decimal(limit);
    return (value) =>
      allows(compareDecimals(decimal(value), bound)) ? undefined : `must be ${symbol} ${textOf(limit)}`;
  };
}

function duplicateIn(items: readonly Operand[]): string | undefined {
  const seen = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const text = canonical(item);
    const first = seen.get(text);
    if (first !== undefined)
      return `must NOT have duplicate items (items ## ${first} and ${index} are identical)`;
    seen.set(text, index);
  }
  return undefined;
}

/** Prints a value so that values that JSON Schema treats as equal have equal texts. */
function canonical(value: Operand): string {
  const { rounded, exact } = value;
  if (typeof rounded === "number") return canonicalNumber(textOf(value));
  if (Array.isArray(rounded)) return `[${elementsOf(value).map(canonical).join(",")}]`;
  if (typeof rounded !== "object" || rounded === null) return JSON.stringify(rounded);
  const members = Object.entries(rounded).map(
    ([name, inner]) =>
      `${JSON.stringify(name)}:${canonical({ rounded: inner, exact: memberOf(exact, name) })}`,
  );
  return `{${members.sort().join(",")}}`;
}

const elementsOf = ({ rounded, exact }: Operand): readonly Operand[] =>
  (rounded as unknown[]).map((inner, index) => ({ rounded: inner, exact: (exact as unknown[])[index] }));

const textOf = ({ rounded, exact }: Operand): string => String(typeof exact === "string" ? exact : rounded);
const decimal = (value: Operand): Decimal => decimalOf(textOf(value));

const memberOf = (value: unknown, name: string): unknown =>
  (value as Record<string, unknown> | undefined)?.[name];

/** @param pointer a JSON Pointer (RFC 6901) to an existing value */
function valueAt(root: unknown, pointer: string): unknown {
  let value = root;
  for (const name of pointer.split("/").slice(1))
    value = memberOf(value, name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return value;
}

/** Maps each object of the schema to its counterpart in the exact schema. */
function pairs(document: unknown, exact: unknown, found: WeakMap<object, unknown>): WeakMap<object, unknown> {
  if (typeof document !== "object" || document === null) return found;
  found.set(document, exact);
  for (const [name, inner] of Object.entries(document)) pairs(inner, memberOf(exact, name), found);
  return found;
}
