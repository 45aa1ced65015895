// The value of the request that `start --dev` prints.

import { strict as assert } from "node:assert";
import { exampleValue } from "../../src/app/example-value.ts";
import { compileSchema } from "../../src/core/schemas.ts";

describe("app: an example of a value", () => {
  const of = (schema: unknown) => exampleValue(compileSchema(schema, "schema.json"));

  for (const schema of [
    true,
    {},
    { type: "object", required: ["orderId"] },
    { type: "string", minLength: 3, maxLength: 3 },
    { type: "string", format: "date-time" },
    { type: "integer", maximum: 0 },
    { type: "integer", minimum: 5, multipleOf: 7 },
    { type: "number", exclusiveMinimum: 10 },
    { type: "number", exclusiveMaximum: -3 },
    { type: ["null", "string"] },
    { enum: ["it's", 2] },
    { const: { a: 1 } },
    { type: "string", pattern: "^[0-9]{3}$", examples: ["x", "123"] },
    { type: "string", pattern: "^[0-9]{3}$", default: "456" },
    { type: "array", minItems: 2, items: { type: "boolean" } },
    { $ref: "#/$defs/id", $defs: { id: { type: "integer", minimum: 9 } } },
    {
      type: "object",
      required: ["a", "b"],
      properties: { a: { $ref: "#/$defs/id" }, b: { oneOf: [{ type: "string" }, { type: "null" }] } },
      $defs: { id: { type: "string" } },
    },
    { allOf: [{ type: "object", required: ["n"] }, { properties: { n: { type: "integer" } } }] },
    { anyOf: [{ type: "array", items: {} }, { type: "null" }] },
  ])
    it(`is found for ${JSON.stringify(schema)}`, () => {
      const text = of(schema);
      assert.ok(text !== undefined && text.length < 200);
      assert.equal(compileSchema(schema, "schema.json").violations(JSON.parse(text), text.length), undefined);
    });

  for (const schema of [
    false,
    { type: "string", pattern: "^[a-z]{5}[0-9]{3}$" },
    { type: "string", minLength: 1_000_000_000 },
    { type: "array", minItems: 5_000_000_000, items: { const: 1 } },
    { type: "array", minItems: 20, items: { $ref: "#" } },
    { type: "array", minItems: 1e8, items: { type: "array", minItems: 1e8 } },
    {
      $ref: "#/$defs/a",
      $defs: { a: { type: "object", required: ["a"], properties: { a: { $ref: "#/$defs/a" } } } },
    },
  ])
    it(`is not found, and takes no time, for ${JSON.stringify(schema)}`, () => {
      assert.equal(of(schema), undefined);
    });
});
