// Schemas that compare numbers that JavaScript would round.

import { strict as assert } from "node:assert";
import { compileSchema, SchemaError } from "../../src/core/schemas.ts";
import { violationsIn } from "../../src/core/validate.ts";

/** The violations of a value, as pointer, keyword and message. */
function violations(schema: unknown, json: string, exact: unknown = schema): readonly string[] {
  const rules = { schema: compileSchema(schema, "s", exact), key: undefined, tombstones: true };
  const found = violationsIn([{ key: null, value: Buffer.from(json), headers: [] }], rules) ?? [];
  return found.map(({ pointer, keyword, message }) => `${pointer} ${keyword} ${message}`);
}

const MAX = "9007199254740992";
const OVER = "9007199254740993";

describe("core: numbers in schemas", () => {
  it("are compared as they were sent, by every keyword that compares", () => {
    for (const [schema, message] of [
      [{ const: 2 ** 53 }, "const must be equal to constant"],
      [{ enum: [1, 2 ** 53] }, "enum must be equal to one of the allowed values"],
      [{ maximum: 2 ** 53 }, `maximum must be <= ${MAX}`],
      [{ exclusiveMaximum: 2 ** 53 }, `exclusiveMaximum must be < ${MAX}`],
      [{ multipleOf: 2 }, "multipleOf must be multiple of 2"],
    ] as const)
      assert.deepEqual(violations(schema, OVER), [` ${message}`]);
    for (const schema of [
      { const: 2 ** 53 },
      { enum: ["a", 2 ** 53] },
      { maximum: 2 ** 53 },
      { minimum: 2 ** 53 },
      { multipleOf: 2 },
    ])
      assert.deepEqual(violations(schema, MAX), [], JSON.stringify(schema));
    assert.deepEqual(violations({ exclusiveMinimum: 2 ** 53 }, OVER), []);
    assert.deepEqual(violations({ exclusiveMinimum: 2 ** 53 }, MAX), [` exclusiveMinimum must be > ${MAX}`]);
    assert.deepEqual(violations({ minimum: 0 }, "-1e-400"), [" minimum must be >= 0"]);
    assert.deepEqual(violations({ maximum: 5 }, "1e400"), [" maximum must be <= 5"]);
    assert.deepEqual(violations({ const: 0.1 }, "0.10000000000000000001"), [
      " const must be equal to constant",
    ]);
  });

  it("are compared within objects, arrays, references and conditions", () => {
    const at = (schema: object, json: string) =>
      violations(schema, json).map((line) => line.split(" ", 2).join(" "));
    const id = { const: { id: 2 ** 53 } };
    assert.deepEqual(at({ properties: { "a/b~c": id } }, `{"a/b~c":{"id":${OVER}}}`), ["/a~1b~0c const"]);
    assert.deepEqual(at({ properties: { "a/b~c": id } }, `{"a/b~c":{"id":${MAX}}}`), []);
    const ref = { $defs: { id: { enum: [2 ** 53] } }, items: { $ref: "#/$defs/id" } };
    assert.deepEqual(at(ref, `[${MAX},${OVER}]`), ["/1 enum"]);
    assert.deepEqual(at({ if: { maximum: 2 ** 53 }, then: false }, OVER), []);
    assert.deepEqual(at({ not: { const: 2 ** 53 } }, OVER), []);
    assert.deepEqual(at({ contains: { const: 2 ** 53 } }, `[${OVER}]`), ["/0 const", " contains"]);
    assert.deepEqual(at({ contains: { const: 2 ** 53 } }, `[${OVER},${MAX}]`), []);
    const names = { propertyNames: { enum: ["a"] }, additionalProperties: { maximum: 5 } };
    assert.deepEqual(at(names, `{"a":${OVER}}`), ["/a maximum"]);
    const $schema = "http://json-schema.org/draft-07/schema#";
    assert.deepEqual(at({ $schema, const: 2 ** 53 }, OVER), [" const"]);
  });

  it("are unique if their values differ, however they are written", () => {
    const unique = { uniqueItems: true };
    assert.deepEqual(violations(unique, `[${MAX},${OVER},"${OVER}",{"a":${MAX}},{"a":${OVER}}]`), []);
    assert.deepEqual(violations({ uniqueItems: false }, `[${OVER},${OVER}]`), []);
    for (const json of [
      `[${OVER},1,${OVER}]`,
      `[${OVER},1,9007199254740993.0]`,
      "[7,1,7]",
      '["a",1,"a"]',
      "[[1],2,[1]]",
    ])
      assert.deepEqual(violations(unique, json), [
        " uniqueItems must NOT have duplicate items (items ## 0 and 2 are identical)",
      ]);
    assert.equal(violations(unique, `[{"a":${OVER},"b":1},{"b":1.0,"a":${OVER}}]`).length, 1);
  });

  it("have the type that they were sent with", () => {
    for (const json of [OVER, "1e400", "-1e400", "12345678901234567890.0", "12345678901234567890"])
      assert.deepEqual(violations({ type: "integer" }, json), [], json);
    for (const json of ["12345678901234567890.5", "1e-400"])
      assert.deepEqual(violations({ type: "integer" }, json), [" type must be integer"], json);
    assert.deepEqual(violations({ type: "number" }, "[1e400]"), [" type must be number"]);
    assert.deepEqual(violations({ type: "string" }, OVER), [" type must be string"]);
  });

  it("are exact in the schema itself if they are integers", () => {
    const [schema, exact] = [{ items: { maximum: 2 ** 63 } }, { items: { maximum: "9223372036854775807" } }];
    assert.deepEqual(violations(schema, "[1,9223372036854775807]", exact), []);
    assert.deepEqual(violations(schema, "[9223372036854775808]", exact), [
      "/0 maximum must be <= 9223372036854775807",
    ]);
    assert.deepEqual(violations({ const: 2 ** 53 }, MAX, { const: OVER }), [
      " const must be equal to constant",
    ]);
    assert.deepEqual(violations({ const: 2 ** 53 }, OVER, { const: OVER }), []);
  });

  it("are refused in the schema if JavaScript cannot compare them", () => {
    for (const [rounded, exact] of [
      [0.3, "0.30000000000000000001"],
      [2 ** 53, "9007199254740991.5"],
      [Number.POSITIVE_INFINITY, "1e400"],
    ] as const)
      assert.throws(
        () => compileSchema({ items: { maximum: rounded } }, "s", { items: { maximum: exact } }),
        (error: unknown) =>
          error instanceof SchemaError &&
          error.message.startsWith(`s#/items/maximum: JavaScript cannot represent the number ${exact};`),
      );
    assert.ok(compileSchema({ const: 0.1 + 0.2 }, "s", { const: "0.30000000000000004" }));
  });

  it("take time in proportion to the size of the value, whatever its depth", () => {
    const tree = { properties: { id: { minimum: 0 }, children: { items: { $ref: "#" } } } };
    const children = (depth: number): string =>
      `${'{"id":1,"children":['.repeat(depth)}${'{"id":2},'.repeat(20_000)}{"id":${OVER}}${"]}".repeat(depth)}`;
    const numbers = Array.from({ length: 18_000 }, (_, n) => n + 2);
    const list = (depth: number): string => `${"[".repeat(depth)}${numbers},${OVER}${"]".repeat(depth)}`;
    const anything = { anyOf: [{ $ref: "#" }, { type: "number" }] };
    for (const [schema, json] of [
      [tree, children],
      [{ ...tree, not: { const: { id: 7 } } }, children],
      [{ ...tree, not: { enum: [{ id: 7 }, [2 ** 53]] } }, children],
      [{ type: "array", maxItems: 1e6, uniqueItems: true, items: anything }, list],
    ] as const) {
      const took = (depth: number): number => {
        const began = performance.now();
        assert.deepEqual(violations(schema, json(depth)), []);
        return performance.now() - began;
      };
      const flat = Math.min(took(2), took(2), took(2));
      const deep = Math.min(took(450), took(450));
      // Time in proportion to the depth would be 225 times as long.
      assert.ok(deep < 20 * flat, `${deep} ms, and ${flat} ms for ${JSON.stringify(schema)}`);
    }
  });

  it("are found by their place, also in arrays of arrays and next to the name __proto__", () => {
    const limit = { type: "array", items: { items: { maximum: 2 ** 53 } } };
    assert.deepEqual(violations(limit, `[[1,${MAX}],[2,${OVER},3]]`), [`/1/1 maximum must be <= ${MAX}`]);
    assert.deepEqual(violations({ additionalProperties: { maximum: 2 ** 53 } }, `{"__proto__":${OVER}}`), [
      `/__proto__ maximum must be <= ${MAX}`,
    ]);
    const either = { items: { const: [{ a: 2 ** 53 }] } };
    assert.deepEqual(violations(either, `[[{"a":${MAX}}],[{"a":${OVER}}]]`), [
      "/1 const must be equal to constant",
    ]);
  });

  it("are multiples of decimal fractions, whether or not another number is rounded", () => {
    const schema = { properties: { p: { multipleOf: 0.01 } } };
    for (const price of ["19.99", "0.07", "1.1", "-4.35", "1e2", "0", "1e-2", "9007199254740991"])
      for (const other of ["1", OVER])
        assert.deepEqual(violations(schema, `{"id":${other},"p":${price}}`), [], price);
    for (const price of ["19.995", "1e-3", "0.011"])
      for (const other of ["1", OVER])
        assert.deepEqual(violations(schema, `{"id":${other},"p":${price}}`), [
          "/p multipleOf must be multiple of 0.01",
        ]);
    assert.deepEqual(violations({ multipleOf: 3 }, "7"), [" multipleOf must be multiple of 3"]);
    assert.deepEqual(violations({ multipleOf: 3 }, "-9"), []);
    assert.deepEqual(violations({ multipleOf: 1e-7 }, "0.0000003"), []);
    assert.deepEqual(violations({ multipleOf: 2 }, '"x"'), []);
  });

  it("are in the messages with all their digits, also if the number of the value is not rounded", () => {
    const [schema, exact] = [{ minimum: 2 ** 53 }, { minimum: OVER }];
    assert.deepEqual(violations(schema, "5", exact), [` minimum must be >= ${OVER}`]);
    assert.equal(compileSchema(schema, "s", exact).json, `{"minimum":${OVER}}`);
  });
});
