// Comparisons, sorting and $eval in expressions: numbers that JavaScript would round are compared exactly.

import { strict as assert } from "node:assert";
import { compileExpression, ExpressionError } from "../../src/core/expressions.ts";
import { assertKeys, exactInput, keyOf, refuses } from "../support/expressions.ts";

const IDS = '{"a":9007199254740993,"b":18446744073709551615,"c":-9007199254740993,"n":5,"text":"x"}';

describe("core: comparisons in expressions", () => {
  it("compare a number that is a string with numbers, and with numbers that are strings, exactly", async () => {
    await assertKeys(IDS, [
      ["a > 5 and 5 < a and a >= n and n <= a", "true"],
      ["a < 5 or 5 > a or a <= n or n >= a", "false"],
      ["c < n and c < -5 and a > c", "true"],
      ["a < b and b > a", "true"],
      ["a <= a and a >= a", "true"],
      ["a < a or a > a", "false"],
      ["a > '9007199254740992' and a < '9007199254740994'", "true"],
      ["b > '9007199254740991'", "true"],
      ["a >= '9007199254740993.0' and a <= '9.007199254740993e15'", "true"],
    ]);
    await assertKeys('{"p":0.12345678901234567890,"huge":1e400}', [
      ["p > 0.1 and p < 0.13", "true"],
      ["huge > 9007199254740991", "true"],
    ]);
  });

  it("keep JSONata's results for other values", async () => {
    await assertKeys(IDS, [
      ["nothing > a", undefined],
      ["a > nothing", undefined],
      ["'b' > 'a' and '10' < '9' and 2 > 1 and 2 >= 2", "true"],
      ["'a' > 'b' or 2 < 1 or 2 <= 1 or 1 < 1", "false"],
      ["[1,2,3][$ > 1]", "[2,3]"],
      ["(0/0) > 1 or (0/0) <= 1", "false"],
    ]);
    assert.equal(await keyOf("items.(n > %.n)", '{"items":[{"n":9007199254740993}],"n":7}'), "true");
  });

  it("keep JSONata's errors for other values, with the position", async () => {
    await refuses("text > 5", IDS, /JSONata T2009 at position 6 \(in expressions/);
    await refuses("'007' > 5", IDS, /T2009/);
    for (const source of ["true > a", "a < null", "[a] > 1", "nothing < {}", "$sum > 1"])
      await refuses(source, IDS, /T2010/);
  });

  it("are refused if a computed number has lost digits that the other has", async () => {
    await refuses("a > n * 1e15 * 1e15", IDS, /integer with more digits/);
  });

  it("are used by functions in an expression", async () => {
    await assertKeys('{"ids":[9007199254740995,9007199254740993,3]}', [
      ["$filter(ids, function($id) { $id > 9007199254740991 })", '["9007199254740995","9007199254740993"]'],
      ["$sort(ids, function($left, $right) { $left > $right })", '[3,"9007199254740993","9007199254740995"]'],
    ]);
  });
});

describe("core: sorting in expressions", () => {
  it("orders numbers that are strings as numbers, also if they were sent as strings", async () => {
    for (const json of [
      '{"o":[{"id":18446744073709551615},{"id":9007199254740993},{"id":10000000000000000}]}',
      '{"o":[{"id":"18446744073709551615"},{"id":"9007199254740993"},{"id":"10000000000000000"}]}',
    ])
      await assertKeys(json, [
        ["$join(o^(id).id, ' ')", "9007199254740993 10000000000000000 18446744073709551615"],
        ["$join(o^(>id).id, ' ')", "18446744073709551615 10000000000000000 9007199254740993"],
        ["$join($sort(o.id), ' ')", "9007199254740993 10000000000000000 18446744073709551615"],
      ]);
    await assertKeys('{"n":[1e401,-1e400,"b"],"s":["0.10000000000000000001","b"]}', [
      ["$sort(n)", '["-1e400","1e401","b"]'],
      ["$sort(s)", '["0.10000000000000000001","b"]'],
    ]);
  });

  it("by a fraction or a negative number that is a string is refused with ^", async () => {
    for (const id of ["-9007199254740993", "0.10000000000000000001", "1e400"])
      await refuses("o^(id)", `{"o":[{"id":${id}},{"id":2}]}`, /cannot be sorted by/);
  });

  it("by other values is JSONata's", async () => {
    await assertKeys('{"n":[3,20,1],"s":["b","a"],"o":[{"k":2},{"k":1}]}', [
      ["n^($)", "[1,3,20]"],
      ["n^(>$)", "[20,3,1]"],
      ["$sort(n)", "[1,3,20]"],
      ["$sort(s)", '["a","b"]'],
      ["o^(k).k", "[1,2]"],
      ["$sort(nothing)", undefined],
    ]);
    await refuses("$sort([1,'a'])", "{}", /D3070/);
  });
});

describe("core: $eval in expressions", () => {
  it("refuses a text with a number that JavaScript would round", async () => {
    for (const text of ['{"id":9007199254740993}', "[1,1e300]", "0.12345678901234567890"])
      await refuses(
        "$eval(p).id",
        JSON.stringify({ p: text }),
        /in the text that \$eval evaluates, a number is over 2\^53 - 1 or would be rounded: the number that ends at/,
      );
    await refuses("$eval('$eval(\"9007199254740993\")')", "{}", /over 2\^53 - 1/);
    await refuses("$eval('a + ')", "{}", /in the text that \$eval evaluates, this is not a valid JSONata/);
  });

  it("compares and prints as the expression does", async () => {
    await assertKeys('{"id":9007199254740993,"f":0.30000000000000004}', [
      ["$eval('id > 10000')", "true"],
      ["$eval('\"k\" & f')", "k0.30000000000000004"],
      ["$eval('[$map([1,2], $formatBase(?, 2))]')", '["1","10"]'],
    ]);
    await refuses("$eval('\"k\" & n * 1000')", '{"n":9007199254741}', /integer with more digits/);
    await refuses("$eval('ids^($)')", '{"ids":[1e400,1e401]}', /cannot be sorted by/);
  });

  it("evaluates on the context or the given value, with all variables and functions", async () => {
    const bindings = { topic: "t", link: (n: number): string => `<${n}>` };
    const json = '{"n":5,"list":[1,20,3],"text":"{\\"a\\":[1,2]}"}';
    for (const [source, key] of [
      ["$eval(text)", '{"a":[1,2]}'],
      ["$eval('n')", "5"],
      ["$eval('$ + 1', n)", "6"],
      ["$eval('$[1]', list)", "20"],
      ["$eval('$count($)', list)", "3"],
      ["$eval('$topic & $link(n)')", "t<5>"],
      ["$eval('$eval(\"$topic\")')", "t"],
      ["($x := 7; $eval('$x + n'))", "12"],
      ["$eval('$$.n & $', 8)", "58"],
      ["$eval('function($x) { $x * 2 }')(4)", "8"],
      ["$map(['n', 'n + 1'], $eval(?, $$))", "[5,6]"],
      ["$eval(nothing)", undefined],
    ] as const)
      assert.equal(await keyOf(source, json, bindings), key, source);
  });

  it("takes time in proportion to the text", async () => {
    const text = JSON.stringify({
      digits: "1".repeat(100_000),
      list: Array.from({ length: 5000 }, () => 1.5),
    });
    const began = performance.now();
    assert.equal(await keyOf("$count($eval(p).list)", JSON.stringify({ p: text })), "5000");
    assert.ok(performance.now() - began < 3000);
  });
});

describe("core: filters", () => {
  it("are false for any result but true, also for one that cannot be a value", async () => {
    const input = exactInput('{"title":"urgent","id":9007199254740993}');
    for (const [source, matches] of [
      ["true", true],
      ["id > 5", true],
      ["title ~> /urgent/", false],
      ["$match(title, /urgent/)", false],
      ['"\\ud800"', false],
      ["1/0", false],
      ["$sum", false],
      ["'true'", false],
      ["1", false],
      ["nothing", false],
    ] as const)
      assert.equal(await compileExpression(source).matches(input, {}), matches, source);
    await assert.rejects(compileExpression("id * 2").matches(input, {}), ExpressionError);
  });
});
