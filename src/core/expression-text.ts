// Converts values to text as JSONata's `$string` and `&` do, except that the fractions of the input keep all
// digits. JSONata rounds every fraction to 15 digits, so that 0.1 + 0.2 is printed as 0.3; then different
// fractions of records could become the same key.

import { isFunction } from "./expression-values.ts";

/** What JSONata passes as `this` to the functions that it calls. */
export interface Focus {
  readonly environment: { lookup(name: string): unknown };
  /** The context; undefined for a function that is partially applied. */
  readonly input?: unknown;
}

/** @returns the text; undefined without a value */
export function printValue({ environment }: Focus, value: unknown, prettify: boolean): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  if (Number.isInteger(value)) return String(value);
  if (isFunction(value)) return "";
  // JSONata wraps an input that is an array in another array.
  const given = (value as { outerWrapper?: boolean } | null)?.outerWrapper ? (value as unknown[])[0] : value;
  const printed = (_name: string, inner: unknown): unknown => {
    if (isFunction(inner)) return "";
    if (!isLongFraction(inner) || longFractionsOf(environment.lookup("$")).has(inner)) return inner;
    return shortened(inner);
  };
  return JSON.stringify(given, printed, prettify ? 2 : 0);
}

const shortened = (fraction: number): number => Number(fraction.toPrecision(15));

const isLongFraction = (value: unknown): value is number =>
  typeof value === "number" && !Number.isInteger(value) && shortened(value) !== value;

/** The fractions of more than 15 digits by input, because an expression can print many of them. */
const known = new WeakMap<object, ReadonlySet<number>>();

function longFractionsOf(input: unknown): ReadonlySet<number> {
  if (typeof input !== "object" || input === null) return new Set(isLongFraction(input) ? [input] : []);
  let found = known.get(input);
  if (!found) {
    found = longFractionsIn(input);
    known.set(input, found);
  }
  return found;
}

/** Visits every value once, whatever its depth. */
function longFractionsIn(input: object): ReadonlySet<number> {
  const found = new Set<number>();
  const pending: object[] = [input];
  for (let next = pending.pop(); next !== undefined; next = pending.pop())
    for (const inner of Object.values(next) as unknown[]) {
      if (isLongFraction(inner)) found.add(inner);
      else if (typeof inner === "object" && inner !== null) pending.push(inner);
    }
  return found;
}
