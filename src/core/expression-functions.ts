// Functions that replace JSONata's: theirs round numbers, or print values whose text could be the text of another
// value. Each has the parameters of the original: JSONata reads their names from the source text for a partial
// application such as `$formatBase(?, 16)`, and passes as many arguments to a function in `$map` as it has parameters.

import { isExactNumber, isInexactText } from "./decimal.ts";
import { ExpressionError, jsonataError } from "./expression-error.ts";
import { isAfter } from "./expression-operators.ts";
import { type Focus, printValue } from "./expression-text.ts";
import { bytesFault, printable } from "./expression-values.ts";

/** The code of a function. */
export type Implementation = (this: Focus, ...args: unknown[]) => unknown;

/** A function with its JSONata signature. */
export interface Replacement {
  readonly signature?: string;
  readonly implementation: Implementation;
}

/** Also converts the operands of `&`. */
export function string(this: Focus, value: unknown, prettify: unknown): string | undefined {
  return printValue(this, printable(value), prettify === true);
}
// The original has a default for its second parameter, so `$map` passes one argument.
Object.defineProperty(string, "length", { value: 1 });

/** The text that `$number` reads as a decimal number. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i;

/** A partial application does not check types, and the originals convert a string to a number. */
function formattable(value: unknown): unknown {
  if (value !== undefined && typeof value !== "number") throw jsonataError("T0410");
  return printable(value);
}

/** JSONata's functions that the replacements call. */
const ORIGINALS = [
  "base64encode",
  "formatBase",
  "formatInteger",
  "formatNumber",
  "number",
  "parseInteger",
  "sort",
] as const;

type Originals = Readonly<Record<(typeof ORIGINALS)[number], (...args: unknown[]) => unknown>>;

/**
 * @param evaluate evaluates an expression with JSONata's own functions
 * @returns the functions by name
 */
export async function replacements(
  evaluate: (source: string) => Promise<unknown>,
): Promise<Readonly<Record<string, Replacement>>> {
  const originals = ORIGINALS.map(async (name) => {
    const found = (await evaluate(`$${name}`)) as { readonly implementation: Implementation };
    return [name, found.implementation] as const;
  });
  return replacing(Object.fromEntries(await Promise.all(originals)) as Originals);
}

const replacing = (original: Originals): Readonly<Record<string, Replacement>> => ({
  string: { signature: "<x-b?:s>", implementation: string },
  // Also copies the input of a transform (`|…|…|`).
  clone: {
    signature: "<(oa)-:o>",
    implementation: (arg) => (arg === undefined ? undefined : JSON.parse(JSON.stringify(printable(arg)))),
  },
  number: {
    signature: "<(nsb)-:n>",
    implementation(arg) {
      if (typeof arg !== "string") return original.number(arg);
      if (DECIMAL.test(arg) && !isExactNumber(arg))
        throw new ExpressionError(
          "$number would convert a string to another number than it contains, because JavaScript rounds integers over 2^53 - 1 and long fractions; use the string: <, <=, > and >= compare it exactly",
        );
      return printable(original.number(arg));
    },
  },
  parseInteger: {
    signature: "<s-s:n>",
    implementation: (value, picture) => printable(original.parseInteger(value, picture)),
  },
  formatNumber: {
    signature: "<n-so?:s>",
    implementation: (value, picture, options) => original.formatNumber(formattable(value), picture, options),
  },
  formatBase: {
    signature: "<n-n?:s>",
    implementation: (value, radix) => original.formatBase(formattable(value), radix),
  },
  formatInteger: {
    signature: "<n-s:s>",
    implementation: (value, picture) => original.formatInteger(formattable(value), picture),
  },
  base64encode: {
    signature: "<s-:s>",
    implementation: (str) => original.base64encode(printable(str, bytesFault)),
  },
  sort: {
    signature: "<af?:a>",
    implementation(arr, comparator) {
      const strings = Array.isArray(arr) && arr.every((item) => typeof item === "string");
      return original.sort(arr, comparator ?? (strings && arr.some(isInexactText) ? isAfter : undefined));
    },
  },
});
