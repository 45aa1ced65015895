// Keys and texts of expressions: different values have different texts, or are refused.

import { strict as assert } from "node:assert";
import { compileExpression, ExpressionError, toKey } from "../../src/core/expressions.ts";
import { keyOf as key, refuses } from "../support/expressions.ts";

const error = (source: string): string => {
  try {
    compileExpression(source);
  } catch (caught) {
    if (caught instanceof ExpressionError) return caught.message;
  }
  return assert.fail(source);
};

describe("core: numbers in expressions", () => {
  it("reach keys with all their digits: alone, in objects, in arrays, and joined", async () => {
    const record = '{"id":9007199254740993,"price":0.12345678901234567890}';
    for (const [source, text] of [
      ["id", "9007199254740993"],
      ["[id]", '["9007199254740993"]'],
      ["{'id': id}", '{"id":"9007199254740993"}'],
      ["$", '{"id":"9007199254740993","price":"0.12345678901234567890"}'],
      ["id & '-' & price", "9007199254740993-0.12345678901234567890"],
      ["$string(id)", "9007199254740993"],
      ["$string($)", '{"id":"9007199254740993","price":"0.12345678901234567890"}'],
    ] as const)
      assert.equal(await key(source, record), text, source);
  });

  it("stay numbers if JavaScript keeps them", async () => {
    for (const [source, json, text] of [
      ["us > 1700000000000000", '{"us":1764132345123456}', "true"],
      ["a + b", '{"a":1e2,"b":1.50}', "101.5"],
      ["us & ''", '{"us":9007199254740991}', "9007199254740991"],
      ["'n' & (a + b)", '{"a":0.1,"b":0.2}', "n0.3"],
      ["$map(ids, $string)", '{"ids":[5,7]}', '["5","7"]'],
      ["$map(ids, function($id) { $id & '!' })", '{"ids":[5,7]}', '["5!","7!"]'],
      ["items.(id & %.n)", '{"items":[{"id":1}],"n":7}', "17"],
      ["nothing & a & [1,2] & $sum", '{"a":true}', "true[1,2]"],
      ["id ~> $formatBase(16)", '{"id":255}', "ff"],
      ["$string()", '{"a":1}', '{"a":1}'],
    ] as const)
      assert.equal(await key(source, json), text, source);
  });

  it("keep all digits of the fractions of the input as text, and 15 digits of computed ones", async () => {
    const json = '{"a":0.30000000000000004,"b":[21.299999999999997],"c":1.1}';
    for (const [source, text] of [
      ["a > 0.3 and b[0] > 21", "true"],
      ["a", "0.30000000000000004"],
      ["'k' & a & '-' & (0.1 + c)", "k0.30000000000000004-1.2"],
      ["$string(b)", "[21.299999999999997]"],
      ["$map(b, $string)", "21.299999999999997"],
      ["$string({'b': b, 'd': c * 3})", '{"b":[21.299999999999997],"d":3.3}'],
      ["($ ~> |$|{'c': a}|).c", "0.30000000000000004"],
      ["'total ' & c * 3", "total 3.3"],
    ] as const)
      assert.equal(await key(source, json), text, source);
    assert.equal(await key("$ & ''", "21.299999999999997"), "21.299999999999997");
    assert.equal(await key("$string($)", "[21.299999999999997]"), "[21.299999999999997]");
  });

  it("are refused if the expression computes more than JavaScript can represent", async () => {
    const LOST = /integer with more digits than JavaScript can represent/;
    for (const source of [
      "id * 1000",
      "[id * 1000]",
      "{'a': id * 1000}",
      "'k' & id * 1000",
      "(id * 1000) & 'k'",
      "$map([id], function($id) { 'k' & $id * 1000 })",
      "$string(id * 1000)",
      "[id * 1000] ~> $string",
      "$formatNumber(id * 1000, '#')",
      "$formatBase(id * 1000, 36)",
      "$formatInteger(id * 1000, '0')",
      "$parseInteger(text, '0')",
      "$parseInteger(text, '0') > 5",
      "$number('0x20000000000001') > 5",
      "$string($clone({'a': id * 1000}))",
    ])
      await refuses(source, '{"id":9007199254741,"text":"9007199254740993"}', LOST);
    await refuses("1 / n", '{"n":0}', /a number that is not finite/);
  });

  it("are refused by $number if it would round them, also where the result is only compared", async () => {
    for (const json of [
      '{"x":9007199254740993}',
      '{"x":1e400}',
      '{"x":"0.12345678901234567890"}',
      '{"x":"009007199254740993"}',
    ])
      for (const source of ["$number(x)", "$number(x) > 5", "x ~> $number", "$map([x], $number)"])
        await refuses(source, json, /\$number would convert a string to another number than it contains/);
    for (const [source, text] of [
      ["$number('12')", "12"],
      ["$number('1.50')", "1.5"],
      ["$number('0xff')", "255"],
      ["$number(true)", "1"],
      ["$number(nothing)", undefined],
      ["$parseInteger('12', '0')", "12"],
    ] as const)
      assert.equal(await key(source, "{}"), text, source);
    await refuses("$number('x')", "{}", /D3030/);
  });

  it("are refused in the expression itself if JavaScript would round them", () => {
    for (const [source, position] of [
      ["id = 9007199254740993", 21],
      ["id = -9007199254740992", 22],
      ["a[b > 0.30000000000000000001].c", 28],
      ["$f(function($x) { $x = 1e300 })", 28],
      ["id > 1e16", 9],
    ] as const)
      assert.match(
        error(source),
        new RegExp(
          `a number is over 2\\^53 - 1 or would be rounded: the number that ends at position ${position}; write it in quotes: in expressions`,
        ),
      );
    for (const source of ["id = 9007199254740991", "a1e + 5", "x1.e5 > 1.50", "[1..3]", "-0.1e-5", "a[-1]"])
      assert.ok(compileExpression(source), source);
  });

  it("are explained where a string is computed with a number", async () => {
    for (const source of ["id + 5", "$sum([id])", "$max([id])", "$abs(id)", "[1..id]"])
      await refuses(
        source,
        '{"id":9007199254740993}',
        /JSONata \w+ at position \d+ \(in expressions, integers over 2\^53 - 1 .* are strings/,
      );
    assert.equal(await key("id = '9007199254740993'", '{"id":9007199254740993}'), "true");
  });
});

describe("core: strings in expressions", () => {
  it("are refused if they contain an unpaired surrogate, also in arrays, objects and names", async () => {
    for (const source of ["s", "'k' & s", "[s]", "{'a': s}", "{s: 1}", "{'a': [{'b': s}]}"])
      await refuses(source, '{"s":"\\ud800"}', /an unpaired surrogate, which UTF-8 cannot represent/);
    await refuses("$keys($)", '{"\\udc00":1}', /unpaired surrogate/);
    assert.throws(() => toKey("\ud800"), ExpressionError);
    assert.equal(await key("$join($split(s, ''))", '{"s":"😀"}'), "😀");
  });

  it("are refused by $base64encode if a character is not a byte", async () => {
    await refuses("$base64encode(s)", '{"s":"ā"}', /a character above U\+00FF/);
    assert.equal(await key("$base64encode(s)", '{"s":"é"}'), "6Q==");
  });

  it("are never the text of a function", async () => {
    for (const source of ["$sum", "[$sum]", "{'f': function($x) { $x }}"])
      await refuses(source, "{}", /the result is or contains a function; call it/);
  });
});

describe("core: functions in expressions", () => {
  it("can be applied partially, and get as many arguments from $map as JSONata's own", async () => {
    for (const [source, text] of [
      ["$map(x, $formatNumber(?, '0.00'))", '["1.00","20.00"]'],
      ["$map(x, $formatBase(?, 16))", '["1","14"]'],
      ["$map(x, $formatBase)", "error"],
      ["$map(x, $formatInteger(?, 'w'))", '["one","twenty"]'],
      ["$map(['a', 'b'], $base64encode(?))", '["YQ==","Yg=="]'],
      ["$map(['a', 'b'], $base64encode)", '["YQ==","Yg=="]'],
      ["$map(x, $string(?, true))", '["1","20"]'],
      ["$string(?, true)({'a': 1})", '{\n  "a": 1\n}'],
      ["$map(x, $string)", '["1","20"]'],
      ["$map(['1', '2'], $number(?))", "[1,2]"],
      ["$sort(?)(x)", "[1,20]"],
      ["$map([{'a': 1}], $clone(?)).a", "1"],
      ["$parseInteger(?, '0')('7')", "7"],
    ] as const)
      if (text === "error") await refuses(source, '{"x":[1,20]}', /D3100/);
      else assert.equal(await key(source, '{"x":[1,20]}'), text, source);
  });

  it("that are applied partially refuse what they would round", async () => {
    for (const source of ["$formatNumber(?, '0')", "$formatBase(?, 16)", "$formatInteger(?, '0')"])
      await refuses(`${source}(id)`, '{"id":9007199254740993}', /T0410/);
    await refuses("$number(?)(id)", '{"id":9007199254740993}', /\$number would convert/);
  });

  it("print fractions of a deep value in time that is in proportion to its size", async () => {
    const json = `${'{"n":['.repeat(400)}${"0.30000000000000004,".repeat(100_000)}0.30000000000000004${"]}".repeat(400)}`;
    const began = performance.now();
    assert.match((await key("'k' & $", json)) ?? "", /0\.30000000000000004/);
    assert.ok(performance.now() - began < 3000);
  });
});
