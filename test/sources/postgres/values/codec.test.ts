// Numbers, texts, bytes, and how a type finds its codec.

import { strict as assert } from "node:assert";
import { builtinType } from "../../../../src/sources/postgres/values/builtin-types.ts";
import { codecOf, jsonString, type PgType } from "../../../../src/sources/postgres/values/codec.ts";
import { jsonOf, typeNamed } from "./named-types.ts";

const check = (type: string, values: Record<string, string>, modifier?: number): void => {
  for (const [text, json] of Object.entries(values)) assert.equal(jsonOf(type, text, modifier), json, text);
};

describe("sources: postgres values", () => {
  it("writes integers as they are, also beyond 2^53", () => {
    check("int8", { "-1": "-1", "9007199254740993": "9007199254740993" });
    check("oid", { "4294967295": "4294967295" });
  });

  it("writes a float with a fraction or an exponent", () => {
    check("float8", { "1": "1.0", "-0": "-0.0", "1.5": "1.5", "1e+21": "1e+21", "5e-324": "5e-324" });
    check("float4", { NaN: '"NaN"', Infinity: '"Infinity"', "-Infinity": '"-Infinity"' });
  });

  it("writes a numeric as a string", () => {
    check("numeric", { "19.90": '"19.90"', NaN: '"NAN"', Infinity: '"POSITIVE_INFINITY"' });
    check("numeric", { "-Infinity": '"NEGATIVE_INFINITY"', "1234600": '"1234600"' });
  });

  it("writes money as a string with two decimals, whatever the locale", () => {
    check("money", {
      "$1,234.50": '"1234.50"',
      "-$0.01": '"-0.01"',
      "($1.00)": '"-1.00"',
      "-$92,233,720,368,547,758.08": '"-92233720368547758.08"',
      "1.234,50 €": '"1234.50"',
      "-1 234,50 €": '"-1234.50"',
      "1,234.50-": '"-1234.50"',
      "¥1,235": '"1235.00"',
      "$.50": '"0.50"',
    });
  });

  it("writes booleans and single bits", () => {
    check("bool", { t: "true", f: "false" });
    check("bit", { "1": "true", "0": "false" }, 1);
  });

  it("writes bits as bytes from the lowest, without zero bytes at the end", () => {
    check("varbit", {
      "": '""',
      "0000000000000000": '""',
      "10101": '"FQ=="',
      "10000010": '"gg=="',
      "1111111100000001": '"Af8="',
      "100000000": '"AAE="',
    });
    check("bit", { "10000000000000000001": '"AQAI"' }, 20);
  });

  it("writes bytes as base64", () => {
    check("bytea", { "\\x": '""', "\\xdeadbeef00ff": '"3q2+7wD/"' });
  });

  it("spells strings as Jackson does", () => {
    const strings: [string, string][] = [
      ["plain", '"plain"'],
      ["ä日/<&\u007f\u2028\ufeff\uffff", '"ä日/<&\u007f\u2028\ufeff\uffff"'],
      ['"\\\b\t\n\f\r', '"\\"\\\\\\b\\t\\n\\f\\r"'],
      ["\u000b\u001f\u0001", '"\\u000B\\u001F\\u0001"'],
      ["\\u000b \\\\u000b", '"\\\\u000b \\\\\\\\u000b"'],
      ["😀\u{10ffff}", '"\\uD83D\\uDE00\\uDBFF\\uDFFF"'],
    ];
    for (const [text, json] of strings) {
      assert.equal(jsonString(text), json);
      assert.equal(JSON.parse(json), text);
    }
  });

  it("writes an hstore as a string of JSON, in PostgreSQL's order", () => {
    const members = (text: string): unknown => JSON.parse(JSON.parse(jsonOf("hstore", text)));
    assert.equal(jsonOf("hstore", ""), '"{}"');
    assert.equal(jsonOf("hstore", '"b"=>"1", "a"=>NULL'), '"{\\"b\\":\\"1\\",\\"a\\":null}"');
    assert.equal(jsonOf("hstore", '"😀"=>"\u000b"'), '"{\\"\\uD83D\\uDE00\\":\\"\\\\u000B\\"}"');
    assert.deepEqual(members('"a"=>"b=>\\"c\\", NULL", "x\\\\"=>"NULL"'), {
      a: 'b=>"c", NULL',
      "x\\": "NULL",
    });
  });

  it("encodes a domain as its base type, with the modifier of the domain", () => {
    const day: PgType = {
      oid: 1,
      name: "day",
      kind: "domain",
      base: typeNamed("timestamp"),
      baseModifier: 0,
    };
    const birthday: PgType = { oid: 2, name: "birthday", kind: "domain", base: day, baseModifier: -1 };
    assert.equal(codecOf(birthday, -1).json("1970-01-02 00:00:00"), "86400000");
    assert.equal(codecOf(birthday, -1).schema.name, "io.debezium.time.Timestamp");
  });

  it("writes every type that it does not know as PostgreSQL's text", () => {
    for (const kind of ["base", "composite", "range", "multirange", "pseudo"] as const) {
      const codec = codecOf({ oid: 99_999, name: "unheard_of", kind }, 5);
      assert.deepEqual([codec.schema, codec.json('a "b"')], [{ type: "string" }, '"a \\"b\\""'], kind);
    }
    assert.equal(codecOf({ oid: 99_999, name: "int4", kind: "composite" }, -1).json("(1)"), '"(1)"');
  });

  it("writes the placeholder of an unchanged TOAST value", () => {
    const base64 = '"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="';
    const unavailable = (type: string): string => codecOf(typeNamed(type), -1).unavailable;
    for (const type of ["text", "varchar", "jsonb", "xml", "numeric", "tsvector", "ltree", "citext", "pair"])
      assert.equal(unavailable(type), '"__debezium_unavailable_value"', type);
    for (const type of ["bytea", "varbit"]) assert.equal(unavailable(type), base64, type);
    assert.equal(
      unavailable("hstore"),
      '"{\\"__debezium_unavailable_value\\":\\"__debezium_unavailable_value\\"}"',
    );
  });

  it("knows the built-in types and their arrays", () => {
    assert.deepEqual(builtinType(23), { oid: 23, name: "int4", kind: "base" });
    assert.equal(builtinType(1007)?.element, builtinType(23));
    assert.equal(builtinType(1020)?.delimiter, ";");
    assert.equal(builtinType(3904)?.kind, "range");
    assert.equal(builtinType(4451)?.kind, "multirange");
    assert.equal(builtinType(22)?.element?.name, "int2");
    assert.equal(builtinType(16_400), undefined);
  });
});
