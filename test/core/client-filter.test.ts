// Filters that clients send.

import { strict as assert } from "node:assert";
import { bindingsOf } from "../../src/core/bindings.ts";
import { compileClientFilter } from "../../src/core/client-filter.ts";
import { parsedValue } from "../../src/core/json-numbers.ts";

const BINDINGS = bindingsOf({
  topic: "orders",
  partition: 3,
  offset: 7,
  timestamp: 1_700_000_000_000,
  key: Buffer.from("k1"),
  headers: [{ key: "x", value: Buffer.from("h") }],
});

const matches = (filter: string, json: string): Promise<boolean> =>
  compileClientFilter(filter).matches(parsedValue(Buffer.from(json)), BINDINGS);

const ORDER = JSON.stringify({
  action: "opened",
  amount: 12,
  id: "@",
  at: "2026-01-01T00:00:00Z",
  text: " Straße 😀 ",
  items: [
    { sku: "a", price: 5 },
    { sku: "b", price: 7 },
  ],
}).replace('"@"', "9007199254740993");

describe("core: filters of clients", () => {
  const holding = [
    "action = 'opened' and amount > 10",
    "action in ['opened', 'closed'] and $not(amount = 1)",
    "$headers.x = 'h' and $lookup($headers, 'x') = 'h'",
    "$key = 'k1' and $topic = 'orders'",
    "$partition = 3 and $offset < 8 and $timestamp = 1700000000000",
    "id = '9007199254740993' and id > 9007199254740991",
    "id != '9007199254740992'",
    "$contains(action, 'pen') and $substringAfter(action, 'op') = 'ened' and $substringBefore(action, 'ned') = 'ope'",
    "$uppercase(action) = 'OPENED' and $lowercase('A') = 'a' and $trim(text) = 'Straße 😀'",
    "$length($trim(text)) = 8 and $substring($trim(text), -1) = '😀' and $substring(action, 1, 3) = 'pen'",
    "$sum(items.price) = 12 and $max(items.price) = 7 and $min(items.price) = 5 and $average(items.price) = 6",
    "$count(items[price > 5]) = 1 and items[sku = 'b'].price = 7 and items[0].sku = 'a' and items[-1].sku = 'b'",
    "$exists(items) and $boolean(items) and $type(items) = 'array' and $type(amount) = 'number'",
    "$abs(-1) = 1 and $floor(1.5) = 1 and $ceil(1.5) = 2 and $round(2.346, 2) = 2.35 and $number('5') = 5",
    "amount & '' = '12' and $string(amount) = '12' and amount % 5 = 2 and -amount < 0 and amount * 2 / 4 + 1 - 1 = 6",
    "$toMillis(at) < $millis() and $now() > at and $fromMillis(0) = '1970-01-01T00:00:00.000Z'",
    "$$.amount = 12 and $.amount = 12 and $count($$.items) = 2",
    "(amount > 100 ? false : true) and (absent ?? true) and (absent ?: true)",
    "'opened' in * and $count(items.*) = 4",
    "$contains($string(), 'Straße')",
    "items.price = [5, 7]",
  ];
  for (const filter of holding)
    it(`are true for a record: ${filter}`, async () => {
      assert.equal(await matches(filter, ORDER), true);
    });

  it("do not match when the result is another value than true", async () => {
    for (const filter of ["amount > 100", "absent = 1", "absent", "amount", "'true'", "items", "null"])
      assert.equal(await matches(filter, ORDER), false, filter);
  });

  it("are evaluated on texts and tombstones as well", async () => {
    assert.equal(await matches("$contains($, 'text')", "a text"), true);
    assert.equal(await compileClientFilter("$exists($)").matches(undefined, BINDINGS), false);
    assert.equal(await matches("$sum($) = 3", "[1, 2]"), true);
  });

  it("report an evaluation that fails, with its position", async () => {
    await assert.rejects(matches("action > 1", ORDER), {
      name: "ExpressionError",
      message: /^the expression failed: JSONata T2009 at position \d+/,
    });
  });

  const refused: readonly [filter: string, message: RegExp][] = [
    ["$contains(a, /x+/)", /^a regular expression is not allowed in a filter \(position 17\)$/],
    ["a[/x/]", /^a regular expression/],
    ["(function($x){ $x })(1)", /^a call without the name of a function .*; allowed are \$abs /],
    ["function($x){ $x }", /^a function definition /],
    ["[1..9]", /^a range \(\.\.\) .*\(position 4\)$/],
    ["a.**.b", /^the wildcard \*\* .*\(position 4\)$/],
    ["a.b[%.c = 1]", /^the parent operator %/],
    ["a@$x.b", /^the binding operator @/],
    ["a#$i.b", /^the position operator #/],
    ["a[b]#$i", /^the position operator #/],
    ["items^(price)", /^the sort \^\(…\)/],
    ["a ~> $length", /^the operator ~>/],
    ["a ~> |b|{}|", /^the operator ~>/],
    ["|a|{'b':1}|", /^a transform/],
    ["$substring(?, 1)", /^a partial application/],
    ["items[price > $$.limit]", /^\$\$ in a predicate or after the first step of a path .*\(position 16\)$/],
    ["items.($$.a)", /^\$\$ in a predicate/],
    ["a[0][$exists($$)]", /^\$\$ in a predicate/],
    ["$x := 1", /^an assignment \(:=\)/],
    ["($f := $pad; $f('a', 1e9))", /^an assignment \(:=\)/],
    ["{'a': b}", /^an object \{…\}/],
    ["items{sku: price}", /^a group \{…\} .*\(position 6\)$/],
    ["(items){sku: price}", /^a group \{…\}/],
    ["1 in [a, b]", /^an array with an item that is not a literal/],
    ["$length", /^the function \$length without a call/],
    [
      "$pad",
      /^the variable \$pad .*; the variables are \$key \$headers \$topic \$partition \$offset \$timestamp$/,
    ],
    ["$foo = 1", /^the variable \$foo is not allowed in a filter \(position 4\); the variables are \$key /],
    ["a.$foo", /^the variable \$foo/],
    ["$key(1)", /^the function \$key /],
    ["foo(1)", /^a call without the name of a function/],
    ["$now('[Y0001]')", /^the function \$now with more than 0 arguments/],
    ["$toMillis(a, '[Y]')", /^the function \$toMillis with more than 1 argument /],
    ...(
      "append assert clone distinct each error eval filter formatBase formatInteger formatNumber join keys map " +
      "match merge pad parseInteger power random reduce replace reverse shuffle sift single sort split spread zip"
    )
      .split(" ")
      .map((name): [string, RegExp] => [`a[b.$${name}(c)]`, new RegExp(`^the function \\$${name} `)]),
  ];
  for (const [filter, message] of refused)
    it(`refuse ${filter}`, () => {
      assert.throws(() => compileClientFilter(filter), { name: "ExpressionError", message });
    });

  it("refuse what is too large", () => {
    const tooLarge: readonly [filter: string, message: RegExp][] = [
      [`'${"x".repeat(2000)}'`, /^the filter has 2002 characters, more than 2,000$/],
      [`a${" or a".repeat(200)}`, /^more than 100 levels/],
      [`${"(".repeat(200)}a${")".repeat(200)}`, /^more than 100 levels/],
      [`a in [${"1,".repeat(600)}1]`, /^more than 500 parts/],
      [`a${" & a".repeat(21)}`, /^more than 20 operators &/],
      [
        `${"(".repeat(200)}a${" ?: 1)".repeat(200)}`,
        /^a filter may contain at most 3 of \?: and \?\?, counting those in strings/,
      ],
      [
        `${"(".repeat(200)}a${" ?? 1)".repeat(200)}`,
        /^a filter may contain at most 3 of \?: and \?\?, counting those in strings/,
      ],
    ];
    for (const [filter, message] of tooLarge)
      assert.throws(
        () => compileClientFilter(filter),
        { name: "ExpressionError", message },
        filter.slice(0, 20),
      );
  });

  it("refuse a syntax error, and a number that JavaScript would round", () => {
    assert.throws(
      () => compileClientFilter("a ="),
      /^ExpressionError: this is not a valid JSONata expression/,
    );
    assert.throws(() => compileClientFilter("a = 9007199254740993"), /over 2\^53 - 1/);
  });
});
