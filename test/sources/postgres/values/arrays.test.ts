// Arrays.

import { strict as assert } from "node:assert";
import { codecOf } from "../../../../src/sources/postgres/values/codec.ts";
import { arrayType, jsonOf, typeNamed } from "./named-types.ts";

describe("sources: postgres values, arrays", () => {
  const arrays: [title: string, type: string, text: string, json: string, modifier?: number][] = [
    ["nothing", "_text", "{}", "[]"],
    ["NULL", "_int4", "{NULL,1}", "[null,1]"],
    ["NULL of an enum", "_mood", '{sad,NULL,"very happy"}', '["sad",null,"very happy"]'],
    ["NULL of an extension's type", "_ltree", "{a.b,NULL}", '["a.b",null]'],
    [
      "texts that look special",
      "_text",
      '{"","NULL","null","{","a,b","}"}',
      '["","NULL","null","{","a,b","}"]',
    ],
    ["escapes", "_text", '{"\\\\","c\\"d"," e "}', '["\\\\","c\\"d"," e "]'],
    ["lower bounds", "_int4", "[0:2]={1,2,3}", "[1,2,3]"],
    ["bounds of two dimensions", "_text", '[2:3][-1:0]={{a,b},{NULL,"x,y"}}', '[["a","b"],[null,"x,y"]]'],
    ["three dimensions", "_int4", "{{{1,2}},{{3,4}}}", "[[[1,2]],[[3,4]]]"],
    ["booleans", "_bool", "{{t,f},{f,NULL}}", "[[true,false],[false,null]]"],
    ["floats", "_float8", "{1,NaN,-Infinity,1e+21}", '[1.0,"NaN","-Infinity",1e+21]'],
    ["numerics", "_numeric", "{NaN,1.50,-Infinity}", '["NAN","1.50","NEGATIVE_INFINITY"]'],
    ["dates", "_date", '{"0044-03-15 BC",infinity}', "[-735160,2147483647]"],
    ["times", "_time", "{24:00:00,23:59:59.999999}", "[86400000000,86399999999]"],
    ["times of a precision", "_time", "{12:34:56.789}", "[45296789]", 3],
    ["timestamps", "_timestamp", '{infinity,"1969-12-31 23:59:59.999999"}', "[9223372036854775807,-1]"],
    [
      "timestamps of a precision",
      "_timestamptz",
      '{"2024-01-01 00:00:00+00"}',
      '["2024-01-01T00:00:00Z"]',
      0,
    ],
    ["intervals", "_interval", '{"-1 days",00:00:00}', "[-86400000000,0]"],
    ["money", "_money", '{"$1,234.50",-$0.01,NULL}', '["1234.50","-0.01",null]'],
    ["bytes", "_bytea", '{"\\\\x",NULL,"\\\\x00ff"}', '["",null,"AP8="]'],
    ["bits", "_bit", "{10000010,NULL}", '["gg==",null]', 8],
    ["single bits", "_bit", "{1,0}", "[true,false]", 1],
    ["JSON", "_json", '{"{\\"a\\":\\"q\\\\\\"x\\"}",1}', '["{\\"a\\":\\"q\\\\\\"x\\"}","1"]'],
    ["hstore", "_hstore", '{"\\"a\\"=>\\"\\\\\\"\\"",""}', '["{\\"a\\":\\"\\\\\\"\\"}","{}"]'],
    ["composites", "_pair", '{"(1,x)",NULL}', '["(1,x)",null]'],
    ["domains", "_posint", "{1,2}", "[1,2]"],
    ["an int2vector", "int2vector", "1 -2 3", "[1,-2,3]"],
    ["an empty int2vector", "int2vector", "", "[]"],
    ["oidvectors", "_oidvector", '{"1 4294967295",NULL}', "[[1,4294967295],null]"],
  ];
  for (const [title, type, text, json, modifier] of arrays)
    it(`writes an array: ${title}`, () => {
      assert.equal(jsonOf(type, text, modifier), json);
      JSON.parse(json);
    });

  it("splits an array of boxes at semicolons", () => {
    const json = jsonOf("_box", "{(1,1),(0,0);NULL;(2,2),(1,1)}");
    assert.deepEqual(
      JSON.parse(json).map((box: { wkb: string } | null) => box?.wkb.length),
      [124, undefined, 124],
    );
  });

  it("has optional elements with the schema of their type", () => {
    assert.equal(
      JSON.stringify(codecOf(typeNamed("_uuid"), -1).schema),
      '{"type":"array","items":{"type":"string","optional":true,"name":"io.debezium.data.Uuid","version":1}}',
    );
    assert.deepEqual(codecOf(typeNamed("_bit"), 8).schema.items?.parameters, { length: "8" });
  });

  it("writes the placeholder of an unchanged TOAST value", () => {
    const codes = JSON.stringify([...Buffer.from("__debezium_unavailable_value")]);
    const text = '["__debezium_unavailable_value"]';
    const placeholders: Record<string, string> = {
      _text: text,
      _jsonb: text,
      _numeric: text,
      _timestamptz: text,
      _pair: text,
      _bytea: '["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]',
      _int4: codes,
      _int8: codes,
      _date: codes,
      _uuid: '["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]',
    };
    for (const [type, json] of Object.entries(placeholders))
      assert.equal(codecOf(typeNamed(type), -1).unavailable, json, type);
  });

  it("encodes the elements of a domain as its base type", () => {
    const price = {
      oid: 20_000,
      name: "at",
      kind: "domain",
      base: typeNamed("time"),
      baseModifier: 3,
    } as const;
    assert.equal(codecOf(arrayType(price), -1).json("{00:00:01}"), "[1000]");
  });
});
