// Finds values of expressions whose text could be the text of another value.

import { ExpressionError } from "./expression-error.ts";

const FUNCTION_MARKS = ["_jsonata_function", "_jsonata_lambda"];

/** @returns why the result of an expression cannot be used; undefined when it can */
export const resultFault = (value: unknown): string | undefined =>
  faultIn(value, (leaf) => {
    if (isFunction(leaf)) return "a function; call it";
    if (typeof leaf === "string" && !leaf.isWellFormed())
      return "an unpaired surrogate, which UTF-8 cannot represent";
    return numberFault(leaf);
  });

/** @returns why the numbers of a value cannot be printed; undefined when they can */
export const numbersFault = (value: unknown): string | undefined => faultIn(value, numberFault);

/** @returns why a string cannot be bytes, one per character; undefined when it can */
export const bytesFault = (text: unknown): string | undefined =>
  typeof text === "string" && Buffer.from(text, "latin1").toString("latin1") !== text
    ? "a character above U+00FF, which is not a byte"
    : undefined;

/**
 * @param faultOf returns why a value cannot be printed
 * @returns the value
 * @throws ExpressionError when it cannot be printed
 */
export function printable<T>(value: T, faultOf: (value: unknown) => string | undefined = numbersFault): T {
  const fault = faultOf(value);
  if (fault !== undefined)
    throw new ExpressionError(`a value cannot be converted: it is or contains ${fault}`);
  return value;
}

function numberFault(leaf: unknown): string | undefined {
  if (typeof leaf !== "number" || Number.isSafeInteger(leaf)) return undefined;
  if (!Number.isFinite(leaf)) return "a number that is not finite";
  return Number.isInteger(leaf)
    ? "an integer with more digits than JavaScript can represent; use it without arithmetic"
    : undefined;
}

/** Searches a value, including the names of members. */
function faultIn(value: unknown, faultOf: (leaf: unknown) => string | undefined): string | undefined {
  if (typeof value !== "object" || value === null || isFunction(value)) return faultOf(value);
  if (!Array.isArray(value)) {
    const fault = faultIn(Object.keys(value), faultOf);
    if (fault !== undefined) return fault;
  }
  for (const inner of Object.values(value)) {
    const fault = faultIn(inner, faultOf);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** JSONata represents its own functions as objects, with references to all variables. */
export const isFunction = (value: unknown): boolean =>
  typeof value === "function" ||
  (typeof value === "object" && value !== null && FUNCTION_MARKS.some((mark) => Object.hasOwn(value, mark)));
