// The functions of the filters of clients. Each first checks the time and the lengths of the texts that it is given.

import { ExpressionError, jsonataError } from "./expression-error.ts";
import { type Implementation, type Replacement, string } from "./expression-functions.ts";
import type { Focus } from "./expression-text.ts";
import { functionNamed } from "./expressions.ts";
import { FUNCTIONS } from "./filter-rules.ts";
import { countCharacters, indexOfText, sliceCharacters } from "./long-text.ts";

/** The name of the variable with the time at which an evaluation must end. A filter cannot contain it. */
export const DEADLINE = "&deadline";
/** JSONata's code for an evaluation that took too long. */
export const TIMEOUT = "D1012";

const MAX_CHARACTERS = 256 * 1024;
/** The maximum number of values that one conversion to text takes: their time is not proportional to the length of the text. */
const MAX_CONVERTED = 10_000;

/** Replace functions whose time is not proportional to the length of the value. */
const BOUNDED: Readonly<Record<string, Implementation>> = {
  string: text,
  length: (of) => (isText(of) ? countCharacters(of) : undefined),
  substring: (of, start, length) =>
    isText(of) ? substring(of, (start ?? 0) as number, length as number | undefined) : undefined,
  contains: (within, wanted) =>
    isText(within) && isText(wanted) ? indexOfText(within, wanted) >= 0 : undefined,
  substringBefore(within, wanted) {
    const at = positionIn(within, wanted);
    return at < 0 ? within : (within as string).slice(0, at);
  },
  substringAfter(within, wanted) {
    const at = positionIn(within, wanted);
    return at < 0 ? within : (within as string).slice(at + (wanted as string).length);
  },
};

/**
 * Builds the functions by name. JSONata checks the time before each step, but calls a function with the result of
 * another without a check. The functions without arguments are left out: they belong to one compiled expression, and
 * cost nothing.
 */
export async function filterFunctions(): Promise<Readonly<Record<string, Replacement>>> {
  const named = [...FUNCTIONS.keys()].filter((name) => FUNCTIONS.get(name) !== 0);
  const functions = named.map(async (name): Promise<[string, Replacement]> => {
    const { implementation, ...rest } = await functionNamed(name);
    return [name, { ...rest, implementation: guarded(BOUNDED[name] ?? implementation) }];
  });
  return { ...Object.fromEntries(await Promise.all(functions)), "&": { implementation: guarded(text) } };
}

function guarded(implementation: Implementation): Implementation {
  return function (this: Focus, ...args) {
    if (performance.now() > (this.environment.lookup(DEADLINE) as number)) throw jsonataError(TIMEOUT);
    if (args.some((arg) => isText(arg) && arg.length > MAX_CHARACTERS))
      throw new ExpressionError(`a text has more than ${MAX_CHARACTERS.toLocaleString("en")} characters`);
    return implementation.apply(this, args);
  };
}

/** Also converts the operands of `&`. */
function text(this: Focus, value: unknown): string | undefined {
  if (countUpTo(MAX_CONVERTED + 1, value) > MAX_CONVERTED)
    throw new ExpressionError(
      `an object or an array with more than ${MAX_CONVERTED.toLocaleString("en")} values is not converted to text`,
    );
  return string.call(this, value, false);
}

/** @param start counted from the end if it is negative */
function substring(of: string, start: number, length = Number.POSITIVE_INFINITY): string {
  const count = start < 0 ? countCharacters(of) : 0;
  const from = Math.trunc(start) + (start <= -1 ? count : 0);
  const begin = Math.max(0, start + count);
  return length <= 0 ? "" : sliceCharacters(of, Math.max(0, from), Math.trunc(begin + length));
}

/** @returns the number of values in a value, itself included; `most` if there are more */
function countUpTo(most: number, value: unknown): number {
  const pending = [value];
  let count = 0;
  for (; pending.length > 0 && count < most; count++) {
    const next = pending.pop();
    if (typeof next !== "object" || next === null) continue;
    const inner = Array.isArray(next) ? next : Object.values(next);
    if (count + pending.length + inner.length >= most) return most;
    for (const item of inner) pending.push(item);
  }
  return count;
}

const positionIn = (within: unknown, wanted: unknown): number =>
  isText(within) && isText(wanted) ? indexOfText(within, wanted) : -1;

const isText = (value: unknown): value is string => typeof value === "string";
