// Repairs ajv's treatment of names that JavaScript objects inherit, such as `constructor` and `__proto__`: in
// JSON Schema, a value has its own members only. ajv's option `ownProperties` covers the other keywords.

type Schema = Readonly<Record<string, unknown>>;

/** Keywords whose value is a map of schemas, or of lists of names, by name. */
const MAPS = new Set([
  "$defs",
  "definitions",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "patternProperties",
  "properties",
]);
/** Keywords whose value is data. */
const DATA = new Set(["const", "default", "enum", "examples"]);

/**
 * Returns an equivalent schema in which ajv does not ignore `__proto__` as the name of a member or as a
 * pattern.
 *
 * @throws Error for a keyword that only JavaScript's objects have; ajv does not report it as unknown
 */
export function withoutProto(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const copy: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword in Object.prototype) throw new Error(`unknown keyword: "${keyword}"`);
    if (DATA.has(keyword)) copy[keyword] = value;
    else if (MAPS.has(keyword) && isObject(value))
      copy[keyword] = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inside(inner)]));
    else copy[keyword] = inside(value);
  }
  move(copy, "properties", (inner) => pattern(copy, "^__proto__$", inner));
  move(copy, "patternProperties", (inner) => pattern(copy, "(?:__proto__)", inner));
  move(copy, "dependencies", (inner) => {
    const then = Array.isArray(inner) ? { required: inner } : inner;
    copy["allOf"] = [...((copy["allOf"] as unknown[]) ?? []), { if: { required: ["__proto__"] }, then }];
  });
  return copy;
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const inside = (value: unknown): unknown => (Array.isArray(value) ? value.map(inside) : withoutProto(value));

/** Removes the member `__proto__` from the value of a keyword, and passes it to `add`. */
function move(schema: Record<string, unknown>, keyword: string, add: (inner: unknown) => void): void {
  const members = schema[keyword];
  if (!isObject(members) || !Object.hasOwn(members, "__proto__")) return;
  const { ["__proto__"]: inner, ...others } = members;
  schema[keyword] = others;
  add(inner);
}

function pattern(schema: Record<string, unknown>, text: string, inner: unknown): void {
  schema["patternProperties"] = { ...(schema["patternProperties"] as object), [text]: inner };
}

/**
 * Definitions that replace ajv's keywords that compare values: ajv's comparison reads `constructor`, `valueOf`
 * and `toString` of the values, and calls them.
 */
export const comparingKeywords = [
  {
    keyword: "const",
    compile: (wanted: unknown) => (value: unknown) => jsonEqual(wanted, value),
    error: { message: "must be equal to constant" },
  },
  {
    keyword: "enum",
    schemaType: "array",
    compile: (allowed: readonly unknown[]) => (value: unknown) =>
      allowed.some((each) => jsonEqual(each, value)),
    error: { message: "must be equal to one of the allowed values" },
  },
  {
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    compile: (unique: boolean) => (items: readonly unknown[]) => !unique || areDistinct(items),
    error: { message: "must NOT have duplicate items" },
  },
] as const;

function areDistinct(items: readonly unknown[]): boolean {
  const objects = items.filter((item) => typeof item === "object" && item !== null);
  const others = items.filter((item) => typeof item !== "object" || item === null);
  return (
    new Set(others).size === others.length &&
    objects.every((item, index) => !objects.slice(0, index).some((other) => jsonEqual(item, other)))
  );
}

function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && jsonEqual((a as Schema)[name], (b as Schema)[name]))
  );
}

/**
 * Changes code that ajv generated for `unevaluatedProperties`: the objects with the names of evaluated members
 * inherit nothing, so that they contain only names that were added.
 */
export const inheritNothing = (code: string): string =>
  code.replaceAll(/\b(props\d+ ?= ?(?:props\d+ ?\|\| ?)?)\{\}/g, "$1{__proto__:null}");
