// The violations that a schema reports, and the errors of a schema that cannot be used.

import { strict as assert } from "node:assert";
import { compileSchema, SchemaError } from "../../src/core/schemas.ts";

const DRAFT_07 = "http://json-schema.org/draft-07/schema";
const DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema";
const KB = 1024;

describe("core: details of schemas", () => {
  it("reports nothing for a valid value, and returns the document as JSON", () => {
    const document = { type: "object" };
    const schema = compileSchema(document, "s");
    assert.deepEqual([schema.violations({}, 2), schema.json], [undefined, JSON.stringify(document)]);
  });

  it("describes each violation, and names an additional member", () => {
    const schema = compileSchema(
      { properties: { n: { type: "integer" } }, additionalProperties: false },
      "s",
    );
    const [first, second] = schema.violations({ n: 1.5, more: 1 }, 10) ?? [];
    assert.deepEqual(
      [first, second],
      [
        {
          error_code: 42206,
          pointer: "",
          keyword: "additionalProperties",
          message: 'must NOT have additional properties: "more"',
        },
        { error_code: 42206, pointer: "/n", keyword: "type", message: "must be integer" },
      ],
    );
  });

  it("lists at most 20 violations, and only one for a value above 256 KiB", () => {
    const schema = compileSchema({ items: { type: "integer" } }, "s");
    const value = Array.from({ length: 30 }, () => "x");
    assert.equal(schema.violations(value, 100)?.length, 20);
    assert.equal(schema.violations(value, 256 * KB)?.length, 20);
    assert.deepEqual(
      schema.violations(value, 256 * KB + 1)?.map(({ pointer }) => pointer),
      ["/0"],
    );
  });

  it("supports two drafts, with and without the trailing #, and formats", () => {
    for (const $schema of [DRAFT_07, `${DRAFT_07}#`, DRAFT_2020, `${DRAFT_2020}#`]) {
      const schema = compileSchema({ $schema, type: "string", format: "date" }, "s");
      assert.deepEqual(
        [schema.violations("2026-02-28", 9)?.length, schema.violations("2026-02-30", 9)?.length],
        [undefined, 1],
      );
    }
    assert.throws(
      () => compileSchema({ $schema: `#${DRAFT_07}` }, "orders.json"),
      (error: Error) =>
        error instanceof SchemaError &&
        /^orders\.json: "\$schema" is "#http.*; Onramp supports draft 2020-12 and draft-07\.$/.test(
          error.message,
        ),
    );
  });

  it("may be true, false or an object, and nothing else", () => {
    assert.equal(compileSchema(true, "s").violations(1, 1), undefined);
    assert.equal(compileSchema(false, "s").violations(1, 1)?.length, 1);
    for (const document of [null, [], "string", 7, undefined])
      assert.throws(
        () => compileSchema(document, "s"),
        /^SchemaError: s: a JSON Schema must be an object, true or false\.$/,
      );
  });

  it("must be valid and complete, and not asynchronous", () => {
    assert.throws(
      () => compileSchema({ $async: false }, "s"),
      /^SchemaError: s: "\$async" schemas are not supported\.$/,
    );
    assert.throws(
      () => compileSchema({ $ref: "other.json" }, "s"),
      (error: Error) =>
        /^s: can't resolve reference other\.json.*\. A schema must be valid and must not refer to other files\.$/.test(
          error.message,
        ) && error.cause instanceof Error,
    );
  });

  it("may be as loose about types, tuples and required members as JSON Schema permits", () => {
    for (const document of [
      { properties: { a: { minLength: 1 } } },
      { type: ["string", "number"] },
      { required: ["never described"] },
      { type: "array", prefixItems: [{}] },
    ])
      assert.ok(compileSchema(document, "s"));
  });
});
