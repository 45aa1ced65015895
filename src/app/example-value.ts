// Finds a value that a JSON Schema accepts, for the request that `start --dev` prints.

import { unescapeName } from "../core/json-pointer.ts";
import type { TopicSchema } from "../core/schemas.ts";

type Schema = Readonly<Record<string, unknown>>;

const ORDER = '{"orderId":"o-1","total":12.50}';
/** Longer values do not fit into a command line that a person reads, in characters. */
const MAX_TEXT = 1000;
const MAX_ITEMS = 20;
const MAX_DEPTH = 10;
/** The number of schemas that are followed: items that refer to the whole schema would otherwise multiply. */
const MAX_PARTS = 200;
const FORMATS: Readonly<Record<string, string>> = {
  date: "2026-01-31",
  "date-time": "2026-01-31T12:00:00Z",
  email: "someone@example.com",
  time: "12:00:00Z",
  uri: "https://example.com/",
  uuid: "6f1c9f0e-4c7e-4a43-9d0e-2f6a3c1d5b7a",
};

/**
 * @param schema undefined: any value is valid
 * @returns the JSON of a short valid value; undefined if none is found, because only common keywords are followed
 */
export function exampleValue(schema: TopicSchema | undefined): string | undefined {
  if (!schema) return ORDER;
  const document: unknown = JSON.parse(schema.json);
  const { examples, default: preset } = isObject(document) ? document : {};
  const candidates = [
    ...(Array.isArray(examples) ? examples : []),
    preset,
    suggestedBy(document, document, { depth: 0, parts: 0 }),
  ]
    .map((value) => JSON.stringify(value))
    .filter((text) => text !== undefined && text.length <= MAX_TEXT);
  return [ORDER, ...candidates].find((text) => !schema.violations(JSON.parse(text), text.length));
}

/** The simplest value that the keywords of a schema suggest; it may be invalid. */
function suggestedBy(schema: unknown, root: unknown, size: { depth: number; parts: number }): unknown {
  if (!isObject(schema) || size.depth > MAX_DEPTH || ++size.parts > MAX_PARTS) return {};
  const { $ref, allOf, oneOf, anyOf, enum: values, examples, type, ...rest } = schema;
  const inner = (other: unknown): unknown => {
    size.depth++;
    const value = suggestedBy(other, root, size);
    size.depth--;
    return value;
  };
  if ("const" in schema) return schema["const"];
  for (const given of [values, examples]) if (Array.isArray(given)) return given[0];
  if (typeof $ref === "string") return inner({ ...rest, ...pointed(root, $ref) });
  if (Array.isArray(allOf))
    return inner(
      Object.assign({ type, ...rest }, ...allOf.filter(isObject).map((part) => followed(root, part))),
    );
  for (const choices of [oneOf, anyOf])
    if (Array.isArray(choices)) return inner({ type, ...rest, ...(isObject(choices[0]) ? choices[0] : {}) });
  switch (Array.isArray(type) ? type[0] : type) {
    case "string":
      return textOf(rest);
    case "integer":
    case "number":
      return numberOf(rest);
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return Array.from({ length: Math.min(Number(rest["minItems"] ?? 0), MAX_ITEMS) }, () =>
        inner(rest["items"]),
      );
    default:
      return objectOf(rest, inner);
  }
}

function textOf({ format, minLength = 0, maxLength = MAX_TEXT }: Schema): string {
  const text = FORMATS[String(format)] ?? "text";
  return text.padEnd(Math.min(Number(minLength), MAX_TEXT), "x").slice(0, Number(maxLength));
}

function numberOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Schema): number {
  if (typeof multipleOf === "number") {
    const least = Math.max(Number(minimum ?? 0), Number(exclusiveMinimum ?? -1) + 1);
    return Math.ceil(least / multipleOf) * multipleOf;
  }
  if (typeof minimum === "number") return minimum;
  if (typeof exclusiveMinimum === "number") return exclusiveMinimum + 1;
  if (typeof maximum === "number") return Math.min(maximum, 1);
  return typeof exclusiveMaximum === "number" ? Math.min(exclusiveMaximum - 1, 1) : 1;
}

function objectOf({ required, properties }: Schema, inner: (schema: unknown) => unknown): Schema {
  const members = isObject(properties) ? properties : {};
  const names = Array.isArray(required) ? required.map(String) : [];
  return Object.fromEntries(names.slice(0, MAX_ITEMS).map((name) => [name, inner(members[name])]));
}

const followed = (root: unknown, schema: Schema): Schema =>
  typeof schema["$ref"] === "string" ? pointed(root, schema["$ref"]) : schema;

/** The schema of a reference within the document, such as `#/$defs/order`; empty for others. */
function pointed(root: unknown, reference: string): Schema {
  if (!reference.startsWith("#/")) return {};
  const found = reference
    .slice(2)
    .split("/")
    .map(unescapeName)
    .reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), root);
  return isObject(found) ? found : {};
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
