// Finds the bytes of keys and values in an envelope.

import { strict as assert } from "node:assert";
import { extentsOf } from "../../../../src/http/produce/formats/extents.ts";
import { thrownCode } from "../../../support/codes.ts";

/** The text of the key and the value of every record; undefined if there is none. */
function found(text: string): (string | undefined)[][] {
  const body = Buffer.from(text);
  JSON.parse(text);
  const cut = (from: number, to: number) => (from < 0 ? undefined : body.toString("utf8", from, to));
  return extentsOf(body).map(({ keyFrom, keyTo, valueFrom, valueTo }) => [
    cut(keyFrom, keyTo),
    cut(valueFrom, valueTo),
  ]);
}

describe("http: extents", () => {
  const values = [
    "1.0",
    "-12e-3",
    "true",
    "null",
    '""',
    '"a"',
    '"\\""',
    '"\\\\"',
    '"}],[{"',
    '"é€"',
    "{}",
    "[]",
    '{"key":1,"value":[2,{"value":3}]}',
    '[["]"],{"}":"{"},[]]',
    '{ "a" : [ 1 , 2 ] }',
  ];
  for (const value of values)
    it(`finds the bytes of the value ${value}, at the end and before another member`, () => {
      assert.deepEqual(found(`{"records":[{"value":${value}}]}`), [[undefined, value]]);
      assert.deepEqual(found(`{"records":[{"value":${value},"key":${value}}]}`), [[value, value]]);
      assert.deepEqual(found(`{"records":[{"other":${value},"value":${value} },{"key":${value}}]}`), [
        [undefined, value],
        [value, undefined],
      ]);
    });

  it("takes no other member for the key or the value, wherever it stands", () => {
    assert.deepEqual(found('{"records":[{"key":1,"value":2,"other":3}]}'), [["1", "2"]]);
  });

  it("finds the records wherever whitespace appears", () => {
    const text =
      ' \r\n\t{ \n"records" : [ {\t"key" : 1 , "value" : "a" } , { "value" : 2.50 } ] , "x" : 1 } ';
    assert.deepEqual(found(text), [
      ["1", '"a"'],
      [undefined, "2.50"],
    ]);
  });

  it("finds no record in an envelope without records, or with records that are not a list", () => {
    for (const text of [
      "{}",
      '{"records":[]}',
      '{"records":{"value":1}}',
      '{"other":[{"value":1}]}',
      '{"records":1}',
    ])
      assert.deepEqual(found(text), []);
  });

  it("counts a record that is not an object", () => {
    assert.deepEqual(found('{"records":[1,"a",[{"value":1}],null,{"value":2}]}'), [
      ...Array.from({ length: 4 }, () => [undefined, undefined]),
      [undefined, "2"],
    ]);
  });

  it("skips headers of any form, and finds the members after them", () => {
    for (const headers of [
      "[]",
      '[{"key":"a","value":"b"}]',
      '[{"key":"a"},{"key":"a"}]',
      "[1,[2],null]",
      "{}",
      '"[{"',
      "null",
    ])
      assert.deepEqual(found(`{"records":[{"headers":${headers},"value":7}]}`), [[undefined, "7"]]);
  });

  it("recognizes the name of a member with any escapes", () => {
    assert.deepEqual(found('{"r\\u0065cords":[{"v\\u0061lue":1,"k\\u0065y":2}]}'), [["2", "1"]]);
  });

  it("skips other members of the envelope before and after the records", () => {
    const text = '{"key_schema":null,"x":{"records":[1]},"records":[{"value":1}],"y":["]"]}';
    assert.deepEqual(found(text), [[undefined, "1"]]);
  });

  const twice: Readonly<Record<string, string>> = {
    "the envelope": '{"records":[],"records":[]}',
    "the envelope, once escaped": '{"records":[],"\\u0072ecords":[]}',
    "record 1": '{"records":[{"value":1},{"value":1,"value":2}]}',
    "record 0": '{"records":[{"x":1,"x":1}]}',
    "a header of record 0": '{"records":[{"headers":[{"key":"a"},{"key":"a","key":"b"}]}]}',
  };
  for (const [where, text] of Object.entries(twice))
    it(`refuses a member that is given twice in ${where}`, () => {
      const body = Buffer.from(text);
      assert.equal(
        thrownCode(() => extentsOf(body)),
        40001,
      );
      assert.throws(() => extentsOf(body), new RegExp(`is given twice in ${where.replace(/,.*/, "")}\\.`));
    });

  it("accepts members that are given twice inside a value", () => {
    assert.deepEqual(found('{"records":[{"value":{"a":1,"a":2}}]}'), [[undefined, '{"a":1,"a":2}']]);
  });

  it("names at most 60 characters of a member that is given twice", () => {
    const name = "n".repeat(100);
    const body = Buffer.from(`{"${name}":1,"${name}":2}`);
    assert.throws(() => extentsOf(body), /"n{60}" is given twice/);
  });
});
