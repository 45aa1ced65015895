// Repairs ajv's treatment of names that JavaScript objects inherit, such as `constructor` and `__proto__`: in
// JSON Schema, a value has its own members only. ajv's option `ownProperties` covers the other keywords.

import { decimalOf, isMultipleOf } from "./decimal.ts";
import { unescapeName } from "./json-pointer.ts";
import { type Place, SharedParts } from "./schema-parts.ts";

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
/** Keywords whose value is a reference to another schema. */
const REFERENCES = new Set(["$ref", "$dynamicRef", "$recursiveRef"]);

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

/** A schema with the URI of its closest `$id` ("" without one), and the schema that has this `$id`. */
interface Located {
  readonly schema: Schema;
  readonly uri: string;
  readonly root: Schema;
}

/**
 * @param schema a result of `withoutProto`
 * @throws Error for a reference to a name that JavaScript's objects and arrays inherit, and the schema does not
 *   contain: ajv resolves it to the inherited value, and accepts every value
 */
export function requireOwnReferences(schema: unknown): void {
  if (!isObject(schema)) return;
  const all = [...schemasIn({ schema, uri: "", root: schema })];
  const byUri = new Map(all.map(({ uri, root }) => [uri, root]));
  for (const located of all)
    for (const [keyword, value] of Object.entries(located.schema))
      if (typeof value === "string" && REFERENCES.has(keyword) && isInherited(value, located, byUri))
        throw new Error(
          `"${keyword}": "${value}" refers to a name that JavaScript reserves, and the schema does not contain it; correct the reference, or rename the schema that it refers to`,
        );
}

function* schemasIn({ schema, uri, root }: Located): Generator<Located> {
  const { $id: id } = schema;
  const located =
    typeof id === "string" ? { schema, uri: resolve(id, uri), root: schema } : { schema, uri, root };
  yield located;
  for (const [keyword, value] of Object.entries(schema)) {
    if (DATA.has(keyword)) continue;
    for (const inner of Array.isArray(value) ? value : [value])
      if (isObject(inner)) yield* schemasIn({ ...located, schema: inner });
  }
}

const resolve = (id: string, base: string): string => {
  const from = base === "" ? undefined : base;
  return URL.canParse(id, from) ? new URL(id, from).href : id;
};

function isInherited(reference: string, { root, uri }: Located, byUri: ReadonlyMap<string, Schema>): boolean {
  const [id = "", fragment = ""] = reference.split("#");
  let target: unknown = id === "" ? root : byUri.get(resolve(id, uri));
  // A reference to another schema is not followed.
  if (target === undefined) return id in Object.prototype;
  for (const name of fragment.split("/").slice(1).map(nameOf)) {
    const isOwn = typeof target === "object" && target !== null && Object.hasOwn(target, name);
    if (!isOwn && name in (Array.isArray(target) ? Array.prototype : Object.prototype)) return true;
    target = isOwn ? (target as Schema)[name] : undefined;
  }
  return false;
}

/** Reads a segment of a JSON Pointer in a URI fragment (RFC 6901, section 6). */
const nameOf = (segment: string): string => unescapeName(decodeURIComponent(segment));

/** A keyword in the form that `Ajv.addKeyword` accepts. */
export interface Keyword {
  readonly keyword: string;
  /** Its function reports the errors. */
  readonly errors: true;
  readonly type?: "number" | "array";
  readonly compile: (value: unknown, parent: object) => Validate;
}

interface Validate {
  /** @param this the context that was passed to the validator */
  (this: unknown, data: unknown, place?: Place): boolean;
  errors?: { readonly keyword: string; readonly message: string; readonly params: object }[];
}

/** @param violation returns why a value violates the keyword; undefined when it does not */
export function reporting(
  keyword: string,
  violation: (data: unknown, place: Place | undefined, context: unknown) => string | undefined,
): Validate {
  const validate: Validate = function (data, place) {
    const message = violation(data, place, this);
    if (message !== undefined) validate.errors = [{ keyword, message, params: {} }];
    return message === undefined;
  };
  return validate;
}

/** The message of `uniqueItems`. */
export const duplicateText = (first: number, second: number): string =>
  `must NOT have duplicate items (items ## ${first} and ${second} are identical)`;

/**
 * Definitions that replace ajv's keywords that compare values: ajv's comparison reads `constructor`, `valueOf`
 * and `toString` of the values, and calls them. Its `multipleOf` divides binary fractions, so 19.99 is not a multiple of
 * 0.01.
 */
export const comparingKeywords: readonly Keyword[] = [
  {
    keyword: "const",
    errors: true,
    compile: (wanted) =>
      reporting("const", (value) => (jsonEqual(wanted, value) ? undefined : "must be equal to constant")),
  },
  {
    keyword: "enum",
    errors: true,
    compile(allowed) {
      const [scalars, objects] = [new Set(allowed as unknown[]), (allowed as unknown[]).filter(isComposite)];
      return reporting("enum", (value) =>
        scalars.has(value) || objects.some((each) => jsonEqual(each, value))
          ? undefined
          : "must be equal to one of the allowed values",
      );
    },
  },
  {
    keyword: "uniqueItems",
    errors: true,
    type: "array",
    compile: (unique) =>
      reporting("uniqueItems", (items, _place, context) =>
        unique ? duplicateIn(items as unknown[], context) : undefined,
      ),
  },
  {
    keyword: "multipleOf",
    errors: true,
    type: "number",
    compile(divisor) {
      const decimal = decimalOf(String(divisor));
      const isMultiple = (value: unknown): boolean =>
        Number.isSafeInteger(value) && Number.isSafeInteger(divisor)
          ? (value as number) % (divisor as number) === 0
          : isMultipleOf(decimalOf(String(value)), decimal);
      return reporting("multipleOf", (value) =>
        isMultiple(value) ? undefined : `must be multiple of ${divisor}`,
      );
    },
  },
];

const isComposite = (value: unknown): boolean => typeof value === "object" && value !== null;

/** Compares all items at once: a comparison of each with each takes hours for 100,000 objects. */
function duplicateIn(items: readonly unknown[], context: unknown): string | undefined {
  // The check of the schema itself has another context.
  const shared = context instanceof SharedParts ? context : new SharedParts();
  const scalars = new Map<unknown, number>();
  const objects = new Map<number, number>();
  for (const [index, item] of items.entries()) {
    let first: number | undefined;
    if (isComposite(item)) {
      const id = shared.parts.idOf({ rounded: item, exact: item });
      first = objects.get(id);
      objects.set(id, index);
    } else {
      first = scalars.get(item);
      scalars.set(item, index);
    }
    if (first !== undefined) return duplicateText(first, index);
  }
  return undefined;
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
