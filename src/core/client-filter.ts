// Compiles the filters that clients send, and evaluates them without blocking the event loop.

import { setImmediate } from "node:timers/promises";
import { ExpressionError } from "./expression-error.ts";
import { type Bindings, compileExpression, type Restrictions } from "./expressions.ts";
import { DEADLINE, filterFunctions, TIMEOUT } from "./filter-functions.ts";
import { checkSource, checkTree } from "./filter-rules.ts";
import { compileShortcut, type Shortcut } from "./filter-shortcut.ts";

/** A filter that a client sent: JSONata with a restricted syntax and bounded cost. */
export interface ClientFilter {
  readonly source: string;
  /**
   * The result of the filter on a record. A result other than `true` is false. Evaluate one filter after the other,
   * because the clock limits the time. An evaluation that takes too long is repeated up to three times; other work of the
   * event loop runs in between.
   *
   * @param input a value from `withExactNumbers`, of at most `MAX_FILTERED_VALUE`
   * @throws ExpressionError when the evaluation fails or exceeds a limit
   */
  matches(input: unknown, bindings: Bindings): Promise<boolean>;
  /**
   * The same result, at once and in less than a microsecond for a common filter on a plain object. Absent for filters
   * that are not supported.
   *
   * @returns undefined when the caller must use `matches`
   */
  shortcut?(input: unknown, bindings: Bindings): boolean | undefined;
}

/** The largest value on which a filter is evaluated, in bytes. */
export const MAX_FILTERED_VALUE = 256 * 1024;

const MAX_TIME_MS = 10;
/**
 * How often an evaluation is tried: the clock includes the time of other processes, and a record must not be skipped because
 * the machine is busy.
 */
const ATTEMPTS = 4;
const MAX_SEQUENCE = 5000;
/** JSONata copies the items of nested arrays once per level when it looks up a name. */
const MAX_LEVELS = 64;

const RESTRICTIONS: Omit<Restrictions, "check"> = {
  // The tree is not deeper than 100 levels, each of which takes up to three nested evaluations.
  limits: { timeout: MAX_TIME_MS, stack: 300, sequence: MAX_SEQUENCE },
  functions: await filterFunctions(),
};

/** The limits by JSONata's codes. */
const LIMITS: Readonly<Record<string, string>> = {
  [TIMEOUT]: `it took longer than ${MAX_TIME_MS} ms, ${ATTEMPTS} times`,
  D2015: `a sequence has more than ${MAX_SEQUENCE.toLocaleString("en")} items`,
};

/** @throws ExpressionError that names the construct that is not allowed and its position */
export function compileClientFilter(source: string): ClientFilter {
  checkSource(source);
  let compiled: Shortcut | undefined;
  const check = (tree: unknown): void => {
    checkTree(tree);
    compiled = compileShortcut(tree);
  };
  const expression = compileExpression(source, undefined, { ...RESTRICTIONS, check });
  const evaluate = (input: unknown, bindings: Bindings): Promise<boolean> =>
    expression.matches(input, { ...bindings, [DEADLINE]: performance.now() + MAX_TIME_MS });
  const decide = compiled;
  const shortcut: Shortcut | undefined =
    decide && ((input, bindings) => (isDeep(input) ? undefined : decide(input, bindings)));
  return {
    source,
    ...(shortcut && { shortcut }),
    async matches(input, bindings) {
      const decided = shortcut?.(input, bindings);
      if (decided !== undefined) return decided;
      if (isDeep(input)) throw new ExpressionError(`the value is nested more than ${MAX_LEVELS} levels deep`);
      for (let attempt = 1; ; attempt++) {
        try {
          return await evaluate(input, bindings);
        } catch (error) {
          if (codeOf(error) !== TIMEOUT || attempt === ATTEMPTS) throw explained(error);
        }
        await setImmediate();
      }
    },
  };
}

function explained(error: unknown): unknown {
  const limit = LIMITS[codeOf(error) ?? ""];
  return limit === undefined ? error : new ExpressionError(`the filter failed: ${limit}`, { cause: error });
}

const codeOf = (error: unknown): string | undefined =>
  ((error as Error).cause as { code?: string } | undefined)?.code;

/** The results by value, because a record is the input of many filters. */
const known = new WeakMap<object, boolean>();

function isDeep(input: unknown): boolean {
  if (typeof input !== "object" || input === null) return false;
  let deep = known.get(input);
  if (deep === undefined) {
    deep = exceedsLevels(input, MAX_LEVELS);
    known.set(input, deep);
  }
  return deep;
}

function exceedsLevels(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  // `some` takes twice as long.
  for (const inner of Array.isArray(value) ? value : Object.values(value))
    if (exceedsLevels(inner, levels - 1)) return true;
  return false;
}
