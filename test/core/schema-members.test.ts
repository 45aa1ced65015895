// JSON Schema applies to the own members of a value, and not to those that JavaScript objects inherit.

import { strict as assert } from "node:assert";
import { compileSchema, SchemaError } from "../../src/core/schemas.ts";

const INHERITED = ["constructor", "toString", "valueOf", "hasOwnProperty", "__proto__"];
const DRAFT_07 = { $schema: "http://json-schema.org/draft-07/schema#" };

/** Schemas and values for a name; every value is written as JSON, as clients send it. */
const cases: readonly [
  title: string,
  schema: string,
  valid: readonly string[],
  invalid: readonly string[],
][] = [
  ["properties", '{"properties":{"NAME":{"type":"string"}}}', ["{}", '{"NAME":"a"}'], ['{"NAME":1}']],
  ["required", '{"required":["NAME"]}', ['{"NAME":1}'], ["{}"]],
  [
    "additionalProperties",
    '{"properties":{"NAME":true},"additionalProperties":false}',
    ["{}", '{"NAME":1}'],
    ['{"a":1}'],
  ],
  ["additionalProperties without the name", '{"additionalProperties":false}', ["{}"], ['{"NAME":1}']],
  [
    "patternProperties",
    '{"patternProperties":{"NAME":{"type":"string"}}}',
    ["{}"],
    ['{"NAME":1}', '{"aNAME":1}'],
  ],
  ["propertyNames", '{"propertyNames":{"minLength":90}}', ["{}"], ['{"NAME":1}']],
  ["minProperties", '{"minProperties":1}', ['{"NAME":1}'], ["{}"]],
  ["dependencies", '{"dependencies":{"NAME":["a"]}}', ["{}", '{"NAME":1,"a":1}'], ['{"NAME":1}']],
  ["dependencies on it", '{"dependencies":{"a":["NAME"]}}', ["{}", '{"NAME":1,"a":1}'], ['{"a":1}']],
  ["dependencies, a schema", '{"dependencies":{"NAME":{"required":["a"]}}}', ["{}"], ['{"NAME":1}']],
  ["const", '{"const":{"NAME":[1]}}', ['{"NAME":[1]}'], ["{}", '{"NAME":[2]}', '{"a":[1]}']],
  ["enum", '{"enum":[{"a":1},{"NAME":[1]}]}', ['{"NAME":[1]}', '{"a":1}'], ["{}", '{"NAME":1}']],
  [
    "uniqueItems",
    '{"uniqueItems":true,"maxItems":3}',
    ['[{"NAME":1},{"NAME":2},{}]', '["NAME",1,true]'],
    ['[{"NAME":[1]},{"NAME":[1]}]', '["NAME","NAME"]'],
  ],
];

/** Keywords of draft 2020-12. */
const newer: typeof cases = [
  ["dependentRequired", '{"dependentRequired":{"NAME":["a"]}}', ["{}", '{"NAME":1,"a":1}'], ['{"NAME":1}']],
  ["dependentRequired on it", '{"dependentRequired":{"a":["NAME"]}}', ["{}"], ['{"a":1}']],
  ["dependentSchemas", '{"dependentSchemas":{"NAME":{"required":["a"]}}}', ["{}"], ['{"NAME":1}']],
  [
    "unevaluatedProperties",
    '{"properties":{"NAME":true},"unevaluatedProperties":false}',
    ["{}", '{"NAME":1}'],
    ['{"a":1}'],
  ],
  [
    "unevaluatedProperties after anyOf",
    '{"anyOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":true}}],"unevaluatedProperties":false}',
    ["{}", '{"a":1}'],
    ['{"NAME":1}'],
  ],
  [
    "unevaluatedProperties after patternProperties",
    '{"patternProperties":{"^NAME$":true},"unevaluatedProperties":false}',
    ["{}", '{"NAME":1}'],
    ['{"a":1}'],
  ],
];

describe("core: members of values", () => {
  for (const [draft, list] of [
    [{}, [...cases, ...newer]],
    [DRAFT_07, cases],
  ] as const)
    for (const [title, schema, valid, invalid] of list)
      it(`are own members for ${title}${draft === DRAFT_07 ? ", draft-07" : ""}`, () => {
        for (const name of INHERITED) {
          const named = (text: string): unknown => JSON.parse(text.replaceAll("NAME", name));
          const { violations } = compileSchema({ ...draft, ...(named(schema) as object) }, "s");
          for (const text of valid) assert.equal(violations(named(text), 10), undefined, `${name}: ${text}`);
          for (const text of invalid) {
            assert.ok(violations(named(text), 10), `${name}: ${text}`);
            // A large value, for which validation ends at the first violation.
            assert.ok(violations(named(text), 1e6), `${name}: ${text}`);
          }
        }
      });

  it("keep the text of the violations of const, enum and uniqueItems", () => {
    const messages = (schema: object, value: unknown) =>
      compileSchema(schema, "s")
        .violations(value, 10)
        ?.map(({ keyword, message }) => [keyword, message]);
    assert.deepEqual(messages({ const: 1 }, 2), [["const", "must be equal to constant"]]);
    assert.deepEqual(messages({ enum: [1] }, 2), [["enum", "must be equal to one of the allowed values"]]);
    const unique = { uniqueItems: true, maxItems: 9 };
    assert.deepEqual(messages(unique, [1, 1]), [
      ["uniqueItems", "must NOT have duplicate items (items ## 0 and 1 are identical)"],
    ]);
    assert.equal(messages({ uniqueItems: false }, [1, 1]), undefined);
    assert.equal(messages({ const: { a: [1, { b: null }] } }, { a: [1, { b: null }] }), undefined);
    assert.equal(messages({ const: [1] }, { 0: 1 })?.length, 1);
  });

  it("are not keywords: a schema with such a keyword is refused", () => {
    for (const name of INHERITED)
      assert.throws(() => compileSchema(JSON.parse(`{"items":{"${name}":1}}`), "s"), SchemaError);
    for (const keyword of ["properties", "$defs"])
      for (const name of INHERITED)
        compileSchema(
          JSON.parse(`{"${keyword}":{"${name}":{"type":"string"}},"default":{"${name}":1}}`),
          "s",
        );
  });

  it("are not what a $ref refers to, unless the schema contains them", () => {
    for (const text of [
      '{"properties":{"__proto__":{"type":"string"},"a":{"$ref":"#/properties/__proto__"}}}',
      '{"patternProperties":{"__proto__":{"type":"string"}},"$ref":"#/patternProperties/__proto__"}',
      '{"$defs":{},"items":{"$ref":"#/$defs/constructor"}}',
      '{"$defs":{},"items":{"$ref":"#/$defs/%5f_proto__"}}',
      '{"$defs":{},"items":{"$dynamicRef":"#/$defs/toString"}}',
      '{"allOf":[{"$ref":"#/allOf/map"}]}',
      '{"items":{"$ref":"constructor"}}',
      '{"$defs":{"a":{"$id":"http://x/y","$defs":{}}},"items":{"$ref":"http://x/y#/$defs/valueOf"}}',
    ])
      assert.throws(
        () => compileSchema(JSON.parse(text), "s"),
        (error: unknown) =>
          error instanceof SchemaError &&
          /refers to a name that JavaScript reserves, and the schema does not contain it/.test(error.message),
        text,
      );
    for (const name of [...INHERITED, "map", "length"]) {
      const text = `{"$defs":{"${name}":{"type":"string"}},"items":{"$ref":"#/$defs/${name}"}}`;
      const { violations } = compileSchema(JSON.parse(text), "s");
      assert.equal(violations(["a"], 5), undefined, name);
      assert.equal(violations([1], 5)?.length, 1, name);
    }
    for (const text of [
      '{"const":{"$ref":"constructor"}}',
      '{"enum":[{"$ref":"#/toString"}]}',
      '{"$id":"https://e.example/x.json","$ref":"x.json#/$defs/toString","$defs":{"toString":{"type":"string"}}}',
      '{"$id":"https://e.example/x","$ref":"https://e.example/x#/$defs/map","$defs":{"map":{"type":"string"}}}',
      '{"$ref":"toString","$defs":{"q":{"$id":"toString","type":"string"}}}',
    ])
      assert.ok(compileSchema(JSON.parse(text), "s"), text);
    const bundled = { $defs: { a: { $id: "http://x/a", $defs: { map: {} }, $ref: "#/$defs/map" } } };
    assert.ok(compileSchema(bundled, "s"));
  });
});
