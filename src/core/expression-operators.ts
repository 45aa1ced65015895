// The operators that compare values. JSONata compares strings alphabetically, and numbers that JavaScript would
// round are strings in expressions.

import {
  compareDecimals,
  type Decimal,
  decimalOf,
  INTEGER,
  isDecimalText,
  isInexactText,
} from "./decimal.ts";
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
 * @returns the value by which `^(…)` sorts. For a positive integer that is a string, a string whose alphabetical order is
 *   that of the numbers: longer numbers are greater
 * @throws ExpressionError for another number that is a string, because its order would be alphabetical
 */
export function sortable(value: unknown): unknown {
  if (!isInexactText(value)) return value;
  if (INTEGER.test(value) && !value.startsWith("-"))
    return `${String(value.length).padStart(8, "0")}${value}`;
  throw new ExpressionError(
    "a fraction or a negative number that JavaScript would round cannot be sorted by; sort by another value, or with $sort",
  );
}

/** The order of `$sort` for strings: that of the numbers where both are numbers, otherwise alphabetical. */
export const isAfter = async (left: string, right: string): Promise<boolean> =>
  isDecimalText(left) && isDecimalText(right)
    ? compareDecimals(decimalOf(left), decimalOf(right)) > 0
    : left > right;

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
