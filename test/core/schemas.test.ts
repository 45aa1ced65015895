// JSON Schemas of topics.

import { strict as assert } from "node:assert";
import { compileSchema, SchemaError } from "../../src/core/schemas.ts";

describe("core: schemas", () => {
  it("names every violation with pointer and keyword", () => {
    const schema = compileSchema(
      {
        type: "object",
        required: ["id"],
        properties: { n: { type: "integer" } },
        additionalProperties: false,
      },
      "s",
    );
    assert.equal(schema.violations({ id: 1 }, 10)?.[0]?.keyword, "additionalProperties");
    const found = schema.violations({ n: 1.5, x: 1 }, 10);
    assert.deepEqual(found?.map(({ pointer, keyword }) => [pointer, keyword]).sort(), [
      ["", "additionalProperties"],
      ["", "required"],
      ["/n", "type"],
    ]);
    assert.equal(schema.violations({ n: 1.5, x: 1 }, 1_000_000)?.length, 1);
  });
  it("accepts draft 2020-12 and draft-07, and no other", () => {
    assert.equal(
      compileSchema(
        { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "number" }] },
        "s",
      ).violations(["x"], 5)?.length,
      1,
    );
    assert.equal(compileSchema({ prefixItems: [{ type: "number" }] }, "s").violations(["x"], 5)?.length, 1);
    assert.throws(
      () => compileSchema({ $schema: "http://json-schema.org/draft-04/schema#" }, "s"),
      SchemaError,
    );
  });
  it("refuses a broken schema, and names the file", () => {
    for (const broken of [
      { type: "strnig" },
      { $ref: "other.json" },
      { unknownKeyword: 1 },
      [],
      null,
      { $async: true },
    ])
      assert.throws(() => compileSchema(broken, "orders.json"), /orders\.json/);
  });
  it("warns about keywords that are slow on hostile input, wherever they appear", () => {
    const { warnings } = compileSchema(
      {
        $defs: { a: { type: "string", pattern: "^(a+)+$" } },
        properties: {
          b: { type: "array", uniqueItems: true },
          c: { patternProperties: { "^x": {} } },
          d: { type: "string", pattern: "a", maxLength: 9 },
        },
      },
      "s",
    );
    assert.deepEqual(
      warnings.map((warning) => /#([^:]*): "(\w+)"/.exec(warning)?.slice(1)),
      [
        ["/$defs/a", "pattern"],
        ["/properties/b", "uniqueItems"],
        ["/properties/c", "patternProperties"],
      ],
    );
  });
});
