// Options, and the JSON Schema of each.

import { strict as assert } from "node:assert";
import {
  boolean,
  duration,
  either,
  expression,
  file,
  list,
  literal,
  map,
  number,
  object,
  oneOf,
  port,
  section,
  size,
  string,
  topicPatterns,
  url,
  variant,
} from "../../src/core/options.ts";

describe("core: options", () => {
  it("are optional, without a default and without an environment variable, unless they say so", () => {
    const text = string("A name.");
    assert.deepEqual(text, {
      schema: { type: "string", minLength: 1, description: "A name." },
      required: false,
      env: undefined,
    });
    for (const { required, env, schema } of [
      duration("D."),
      size("S."),
      file("F."),
      expression("E."),
      boolean("B."),
      number("N."),
      port("P."),
      oneOf(["a"], "O."),
      list(text, "L."),
      map(text, "M."),
      object({}),
      either([text], "E."),
      literal("none"),
      variant("type", [object({})], "V."),
    ])
      assert.deepEqual([required, env, "default" in schema], [false, undefined, false]);
  });

  it("state a default, that they are required, and the environment variable that overrides them", () => {
    const all = { default: "x", required: true, env: "ONRAMP_X" } as const;
    const { schema, required, env } = string("A name.", { ...all, pattern: "^x", minLength: 0 });
    assert.deepEqual(schema, {
      type: "string",
      minLength: 0,
      description: "A name. Environment variable: ONRAMP_X.",
      default: "x",
      pattern: "^x",
    });
    assert.deepEqual([required, env], [true, "ONRAMP_X"]);
    for (const option of [
      duration("D.", { ...all, default: "1s" }),
      size("S.", { ...all, default: "1MB" }),
      file("F.", all),
      expression("E.", all),
      boolean("B.", { ...all, default: false }),
      number("N.", { ...all, default: 0 }),
      port("P.", { ...all, default: 0 }),
      oneOf(["x"], "O.", all),
      list(string("I."), "L.", { ...all, default: [] }),
      map(string("V."), "M.", { ...all, default: {} }),
    ]) {
      assert.deepEqual([option.required, option.env, "default" in option.schema], [true, "ONRAMP_X", true]);
      assert.match(String(option.schema["description"]), / Environment variable: ONRAMP_X\.$/);
      assert.ok(!("required" in option.schema) && !("env" in option.schema));
    }
  });

  it("describe the form of a value, and check it", () => {
    const form = { type: "string", minLength: 1 };
    const wait = "W. A duration with a unit: ms, s, m, h, d.";
    assert.deepEqual(duration("W.").schema, { ...form, format: "duration-onramp", description: wait });
    const bytes = "B. A size with a unit: B, kB, MB, GB (powers of 1024).";
    assert.deepEqual(size("B.").schema, { ...form, format: "size-onramp", description: bytes });
    const path = "F. A path, relative to the configuration file.";
    assert.deepEqual(file("F.").schema, { ...form, format: "file-onramp", description: path });
    assert.deepEqual(expression("E.").schema, { ...form, format: "jsonata-onramp", description: "E." });
    const address = { ...form, format: "url-onramp", pattern: "^https?://" };
    assert.deepEqual(url("U.").schema, { ...address, description: "U." });
    const secure = url("U.", { pattern: "^https://", required: true });
    assert.deepEqual(secure.schema, { ...address, pattern: "^https://", description: "U." });
    assert.equal(secure.required, true);
  });

  it("can be booleans, numbers within limits, ports and fixed words", () => {
    assert.deepEqual(boolean("B.", { default: true }).schema, {
      type: "boolean",
      description: "B.",
      default: true,
    });
    assert.deepEqual(number("N.").schema, { type: "number", description: "N." });
    assert.deepEqual(number("N.", { type: "integer", minimum: 1, maximum: 9 }).schema, {
      type: "integer",
      description: "N.",
      minimum: 1,
      maximum: 9,
    });
    assert.deepEqual(port("P.").schema, { type: "integer", minimum: 0, maximum: 65535, description: "P." });
    assert.deepEqual(oneOf(["a", "b"], "O.", { default: "b" }).schema, {
      enum: ["a", "b"],
      description: "O.",
      default: "b",
    });
  });

  it("can be lists, and maps of values by name", () => {
    const item = string("I.");
    assert.deepEqual(list(item, "L.", { minItems: 1, uniqueItems: true }).schema, {
      type: "array",
      items: item.schema,
      description: "L.",
      minItems: 1,
      uniqueItems: true,
    });
    const anyName = { type: "object", additionalProperties: item.schema, description: "M." };
    assert.deepEqual(map(item, "M.").schema, anyName);
    const names = { pattern: "^[a-z]+$", description: "lower-case letters" };
    assert.deepEqual(map(item, "M.", { default: {} }, names).schema, {
      ...anyName,
      propertyNames: names,
      default: {},
    });
    assert.deepEqual(topicPatterns("T.").schema, {
      type: "array",
      items: { type: "string", minLength: 1, description: "A topic name, or a pattern with *." },
      description: "T.",
    });
  });

  it("are members of objects that know which are required, and refuse unknown ones", () => {
    const properties = { a: string("A.", { required: true }), b: string("B."), c: string("C.") };
    assert.deepEqual(object(properties), {
      properties,
      required: false,
      env: undefined,
      schema: {
        type: "object",
        additionalProperties: false,
        required: ["a"],
        properties: { a: properties.a.schema, b: properties.b.schema, c: properties.c.schema },
      },
    });
    const { schema } = object({ b: properties.b }, { description: "O." });
    assert.deepEqual(["required" in schema, schema["description"]], [false, "O."]);
  });

  it("are members of sections, which exist even if the configuration omits them", () => {
    const form = { type: "object", additionalProperties: false, properties: {} };
    assert.deepEqual(section({}, "S.").schema, { ...form, description: "S.", default: {} });
    assert.deepEqual(section({}).schema, { ...form, default: {} });
  });

  it("can have one of several forms, or one of several kinds that a member distinguishes", () => {
    const [none, text] = [literal("none"), string("T.")];
    assert.deepEqual(none.schema, { const: "none" });
    assert.deepEqual(either([none, text], "E.").schema, {
      description: "E.",
      oneOf: [{ const: "none" }, text.schema],
    });
    const kind = object({ type: literal("slack") });
    assert.deepEqual(variant("type", [kind], "V.").schema, {
      description: "V.",
      type: "object",
      required: ["type"],
      discriminator: { propertyName: "type" },
      oneOf: [kind.schema],
    });
  });
});
