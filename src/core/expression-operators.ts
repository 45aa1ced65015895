// The operators that compare values. JSONata compares strings alphabetically, and numbers that JavaScript would
// round are strings in expressions.

import { compareDecimals, type Decimal, decimalOf, isDecimalText, isInexactText } from "./decimal.ts";
import { ExpressionError, jsonataError } from "./expression-error.ts";
import { printable } from "./expression-values.ts";

type Comparison = (left: unknown, right: unknown) => boolean | undefined;

/** Replacements for the operators, by operator. */
export const COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ["<", comparison((order) => order < 0)],
  ["<=", comparison((order) => order <= 0)],
  [">", comparison((order) => order > 0)],
  [">=", comparison((order) => order >= 0)],
]);

/**
 * @returns the value by which `^(…)` or `$sort` sorts, unchanged
 * @throws ExpressionError for a number that is a string, because its order would be alphabetical
 */
export function sortable(value: unknown): unknown {
  if (isInexactText(value))
    throw new ExpressionError(
      "a number over 2^53 - 1, or one that JavaScript would round, cannot be sorted by; sort by another value, or with $sort and a function that compares with >",
    );
  return value;
}

/** Compares as JSONata does, with its error codes, except that decimals are compared exactly. */
function comparison(holds: (order: number) => boolean): Comparison {
  return (left, right) => {
    if (!isComparable(left) || !isComparable(right)) throw jsonataError("T2010");
    if (left === undefined || right === undefined) return undefined;
    if ((isInexactText(left) && isDecimal(right)) || (isInexactText(right) && isDecimal(left)))
      return holds(compareDecimals(toDecimal(left), toDecimal(right)));
    if (typeof left !== typeof right) throw jsonataError("T2009");
    if (left === right) return holds(0);
    return holds(left < right ? -1 : left > right ? 1 : Number.NaN);
  };
}

const isComparable = (value: unknown): value is string | number | undefined =>
  value === undefined || typeof value === "string" || typeof value === "number";

const isDecimal = (value: string | number): boolean => typeof value === "number" || isDecimalText(value);

const toDecimal = (value: string | number): Decimal => decimalOf(String(printable(value)));
