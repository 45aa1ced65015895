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
  it("refuses a pattern that does not run in linear time, and says which", () => {
    assert.throws(
      () => compileSchema({ properties: { a: { pattern: "^(?=a)" } } }, "orders.json"),
      /^SchemaError: orders\.json: the pattern "\^\(\?=a\)" cannot be used: it has a lookahead or lookbehind/,
    );
    assert.throws(
      () => compileSchema({ patternProperties: { "(a)\\1": {} } }, "s"),
      /it has a backreference/,
    );
  });
  it("validates hostile values in time that is in proportion to them", () => {
    const nested = { type: "array", uniqueItems: true };
    const numbers = Array.from({ length: 100_000 }, (_, n) => n);
    const rows: readonly [schema: object, value: unknown][] = [
      [{ pattern: "^(a+)+$", maxLength: 1e9 }, `${"a".repeat(100_000)}!`],
      [{ patternProperties: { "^(a+)+$": {} }, maxProperties: 0 }, { [`${"a".repeat(50_000)}!`]: 1 }],
      [{ format: "url" }, `http://${"a@".repeat(50_000)}`],
      [{ ...nested, minItems: 200_000 }, numbers],
      [{ ...nested, minItems: 200_000 }, numbers.map((n) => ({ n }))],
      [{ ...nested, minItems: 200_000 }, numbers.map((n) => [n])],
      [
        { items: { enum: numbers.slice(0, 10_000).map(String) }, minItems: 200_000 },
        numbers.map(() => "9999"),
      ],
      // Each item adds an error.
      [{ contains: { const: "admin" } }, numbers],
      [{ items: { enum: ["a", "b"] } }, numbers],
      [
        { items: { $ref: "#/$defs/text" }, $defs: { text: { minLength: 1, pattern: "^a", type: "string" } } },
        numbers,
      ],
      [{ propertyNames: { enum: ["a"] } }, Object.fromEntries(numbers.map((n) => [`n${n}`, n]))],
    ];
    for (const [schema, value] of rows) {
      const compiled = compileSchema(schema, "s");
      const began = performance.now();
      // With the size of a small value, all violations are listed.
      assert.ok(compiled.violations(value, 1_000_000));
      assert.ok(compiled.violations(value, 250_000));
      assert.ok(performance.now() - began < 3000, JSON.stringify(schema).slice(0, 100));
    }
  });

  it("ends the validation of a deep value by a schema whose branches refer to it", () => {
    const node = (tag: object): object => ({
      type: "object",
      properties: { left: { $ref: "#/$defs/node" }, tag },
      required: ["tag", "left"],
    });
    const schemaOf = (...tags: object[]) =>
      compileSchema(
        { $ref: "#/$defs/node", $defs: { node: { oneOf: [...tags.map(node), { type: "integer" }] } } },
        "s",
      );
    const [exclusive, overlapping] = [
      schemaOf({ const: "and" }, { const: "or" }),
      schemaOf({}, { type: "string" }),
    ];
    const nested = (depth: number, leaf: unknown): unknown =>
      depth === 0 ? leaf : { tag: "and", left: nested(depth - 1, leaf) };
    const size = (value: unknown): number => JSON.stringify(value).length;
    for (const schema of [exclusive, overlapping])
      for (const leaf of [1, "x"]) {
        const value = nested(500, leaf);
        const began = performance.now();
        const [violation] = schema.violations(value, size(value)) ?? [];
        assert.match(
          violation?.message ?? "",
          /^takes more than \d+ steps to validate, because branches of the schema/,
        );
        assert.ok(performance.now() - began < 3000);
      }
    const shallow = nested(8, 1);
    assert.equal(exclusive.violations(shallow, size(shallow)), undefined);
    const wrong = nested(14, "x");
    assert.ok(exclusive.violations(wrong, size(wrong))?.some(({ pointer }) => pointer?.endsWith("/left")));
  });

  it("validates large values with many references", () => {
    const events = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    const schema = compileSchema(
      {
        items: { anyOf: events.map((name) => ({ $ref: `#/$defs/${name}` })) },
        $defs: Object.fromEntries(
          events.map((name) => [name, { properties: { type: { const: name } }, required: ["type"] }]),
        ),
      },
      "s",
    );
    const value = Array.from({ length: 60_000 }, () => ({ type: "j" }));
    assert.equal(schema.violations(value, JSON.stringify(value).length), undefined);
  });
});
