// The keywords of JSON Schema that compare values, on numbers of any size. A validator compares JavaScript's
// numbers, in which different ids become equal. Used only for values or schemas that contain such a number.

import { compareDecimals, type Decimal, decimalOf, isMultipleOf } from "./decimal.ts";
import { elementsOf, memberOf, numberText, type Part, type Parts } from "./schema-parts.ts";
import { duplicateText, type Keyword, reporting } from "./schema-repairs.ts";

/** The reason why a value violates a keyword; undefined when it does not. */
type Check = (value: Part, parts: Parts) => string | undefined;

/** Builds the check of each keyword from its value in the schema. */
const CHECKS: Readonly<Record<string, (limit: Part) => Check>> = {
  const: (limit) => (value, parts) =>
    parts.idOf(value) === parts.idOf(limit) ? undefined : "must be equal to constant",
  enum: (limit) => (value, parts) =>
    parts.idsIn(limit).has(parts.idOf(value)) ? undefined : "must be equal to one of the allowed values",
  minimum: limitOf(">=", (order) => order >= 0),
  maximum: limitOf("<=", (order) => order <= 0),
  exclusiveMinimum: limitOf(">", (order) => order > 0),
  exclusiveMaximum: limitOf("<", (order) => order < 0),
  multipleOf: (limit) => {
    const divisor = decimal(limit);
    return (value) =>
      isMultipleOf(decimal(value), divisor) ? undefined : `must be multiple of ${numberText(limit)}`;
  },
  uniqueItems: ({ rounded }) => (rounded === true ? duplicateIn : () => undefined),
};

/**
 * Builds the keywords. They are called with the `Parts` of the value as `this`, so the validator must pass its context.
 *
 * @param document the schema
 * @param exact the schema in which inexact numbers are strings
 */
export function exactKeywords(document: unknown, exact: unknown): readonly Keyword[] {
  const exactOf = pairs(document, exact, new WeakMap());
  return Object.entries(CHECKS).map(([keyword, check]) => ({
    keyword,
    errors: true,
    ...typeOf(keyword),
    compile(rounded, parent) {
      const limit = memberOf(exactOf.get(parent), keyword);
      const violation = check({ rounded, exact: limit ?? rounded });
      return reporting(keyword, (data, place, parts) =>
        violation((parts as Parts).at(data, place), parts as Parts),
      );
    },
  }));
}

function typeOf(keyword: string): Pick<Keyword, "type"> {
  if (keyword === "const" || keyword === "enum") return {};
  return { type: keyword === "uniqueItems" ? "array" : "number" };
}

function limitOf(symbol: string, allows: (order: number) => boolean): (limit: Part) => Check {
  return (limit) => {
    const bound = decimal(limit);
    // Two numbers that JavaScript keeps are compared by JavaScript, which is faster.
    const order = (value: Part): number =>
      isKept(value) && isKept(limit)
        ? Math.sign((value.rounded as number) - (limit.rounded as number))
        : compareDecimals(decimal(value), bound);
    return (value) => (allows(order(value)) ? undefined : `must be ${symbol} ${numberText(limit)}`);
  };
}

const isKept = ({ exact }: Part): boolean => typeof exact !== "string";

function duplicateIn(value: Part, parts: Parts): string | undefined {
  const seen = new Map<number, number>();
  for (const [index, item] of elementsOf(value).entries()) {
    const id = parts.idOf(item);
    const first = seen.get(id);
    if (first !== undefined) return duplicateText(first, index);
    seen.set(id, index);
  }
  return undefined;
}

const decimal = (value: Part): Decimal => decimalOf(numberText(value));

/** Maps each object of the schema to its counterpart in the exact schema. */
function pairs(document: unknown, exact: unknown, found: WeakMap<object, unknown>): WeakMap<object, unknown> {
  if (typeof document !== "object" || document === null) return found;
  found.set(document, exact);
  for (const [name, inner] of Object.entries(document)) pairs(inner, memberOf(exact, name), found);
  return found;
}
