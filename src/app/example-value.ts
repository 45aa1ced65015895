// Finds a value that a JSON Schema accepts, for the request that `start --dev` prints.

import type { TopicSchema } from "../core/schemas.ts";

type Schema = Readonly<Record<string, unknown>>;

const ORDER = '{"orderId":"o-1","total":12.50}';
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
 * @returns the JSON of a valid value; undefined if none is found, because only common keywords are followed
 */
export function exampleValue(schema: TopicSchema | undefined): string | undefined {
  if (!schema) return ORDER;
  const document: unknown = JSON.parse(schema.json);
  const { examples, default: preset } = isObject(document) ? document : {};
  const candidates = [...(Array.isArray(examples) ? examples : []), preset, suggestedBy(document)]
    .filter((value) => value !== undefined)
    .map((value) => JSON.stringify(value));
  return [ORDER, ...candidates].find((text) => !schema.violations(JSON.parse(text), text.length));
}

/** The simplest value that the keywords of a schema suggest. */
function suggestedBy(schema: unknown): unknown {
  if (!isObject(schema)) return {};
  if ("const" in schema) return schema["const"];
  const { enum: values, examples, type, format, minLength, minimum = 1, minItems } = schema;
  for (const given of [values, examples]) if (Array.isArray(given)) return given[0];
  switch (Array.isArray(type) ? type[0] : type) {
    case "string":
      return (FORMATS[String(format)] ?? "text").padEnd(Number(minLength ?? 0), "x");
    case "integer":
    case "number":
      return minimum;
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return Array.from({ length: Number(minItems ?? 0) }, () => suggestedBy(schema["items"]));
    default:
      return objectOf(schema);
  }
}

function objectOf({ required, properties }: Schema): Schema {
  const members = isObject(properties) ? properties : {};
  const names = Array.isArray(required) ? required.map(String) : [];
  return Object.fromEntries(names.map((name) => [name, suggestedBy(members[name])]));
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
