// The time that filters of clients take, whatever the filter and the value.

import { strict as assert } from "node:assert";
import { compileClientFilter, MAX_FILTERED_VALUE } from "../../src/core/client-filter.ts";
import { countCharacters, indexOfText, sliceCharacters } from "../../src/core/long-text.ts";

/** Ten times the time for which one evaluation may block the event loop, because machines are busy. */
const BOUND_MS = 500;
const ATTEMPTS = 4;

const arrayOf = <T>(length: number, item: (index: number) => T): T[] =>
  Array.from({ length }, (_, i) => item(i));
const objectOf = (length: number, value: unknown, order = (index: number) => index): object =>
  Object.fromEntries(arrayOf(length, (index) => [`k${order(index)}`, value]));
const nested = (levels: number, value: unknown): unknown =>
  arrayOf(levels, () => 0).reduce((inner: unknown) => [inner], value);
const joined = (text: string, separator: string, times: number): string =>
  arrayOf(times, () => text).join(separator);

const VALUES: Readonly<Record<string, unknown>> = {
  numbers: { a: arrayOf(125_000, () => 1) },
  fractions: { a: arrayOf(60_000, () => 0.1) },
  objects: { a: arrayOf(20_000, (x) => ({ x })) },
  "empty objects": { a: arrayOf(80_000, () => ({})) },
  "small arrays": { a: arrayOf(7000, (x) => ({ x: [x, 1, 2, 3], y: [x] })) },
  members: { a: objectOf(10_000, [1]), b: objectOf(10_000, [1], (index) => 9999 - index) },
  "nested arrays": { a: nested(60, { b: arrayOf(4900, () => 1) }), b: 1 },
  "deeply nested arrays": { a: nested(1000, { b: arrayOf(100_000, () => 1) }), b: 1 },
  "repeated texts": { a: "a".repeat(190_000), b: `${"a".repeat(20)}b${"a".repeat(60_000)}` },
  "texts that grow": { a: "ΐ".repeat(60_000), b: " a".repeat(60_000) },
  "a list": arrayOf(20_000, (x) => ({ x })),
  "functions of JSONata": {
    a: {
      _jsonata_lambda: true,
      thunk: true,
      arguments: [],
      environment: { base: {} },
      body: { procedure: {} },
    },
  },
};

const FILTERS: readonly string[] = [
  "*.*.*.*.*",
  "$count(*) > 1",
  "a.b",
  "x",
  "a[$ in a]",
  "a[$string() = 'x']",
  `a${"[x or 1]".repeat(60)}`,
  `a[$ in [${joined("1", ",", 400)}]]`,
  `a.[${joined("1", ",", 400)}]`,
  `${"a.(".repeat(40)}$${")".repeat(40)}`,
  "$sum(a.x) > 1",
  joined("$count(a.x)", " + ", 80),
  joined("a = b", " or ", 60),
  joined("$not(a)", " and ", 90),
  joined("a", " in ", 90),
  joined("$contains($string($), 'zz')", " or ", 60),
  joined("$string($)", " & ", 20),
  joined("a", " & ", 20),
  "$contains(a, b)",
  `$contains(a, '${"a".repeat(20)}b${"a".repeat(1900)}')`,
  "$substringBefore(a, b) = $substringAfter(a, b)",
  `${"$substring(".repeat(40)}a${",1)".repeat(40)}`,
  `${"$uppercase($lowercase(".repeat(40)}a${"))".repeat(40)}`,
  `${"$trim(".repeat(80)}b${")".repeat(80)}`,
  joined("$length(a)", " + ", 80),
  "$toMillis(a) > $number(b)",
  "$lookup($, 'a') = $lookup(a, 'x')",
  "$max(a) > $min(a) or $average(a) > $round(1, 300000000)",
  `a ? ${"(b ? ".repeat(40)}a${" : b)".repeat(40)} : b`,
];

describe("core: the time of filters of clients", () => {
  it("is bounded on values of the size that is filtered", () => {
    for (const [name, value] of Object.entries(VALUES))
      assert.ok(JSON.stringify(value).length <= MAX_FILTERED_VALUE, name);
  });

  for (const source of FILTERS)
    it(`is bounded for ${source.slice(0, 50)}`, async () => {
      const filter = compileClientFilter(source);
      for (const [name, value] of Object.entries(VALUES)) {
        const started = performance.now();
        await filter.matches(value, { headers: { x: "b".repeat(100_000) } }).catch(() => undefined);
        const elapsed = performance.now() - started;
        assert.ok(elapsed < ATTEMPTS * BOUND_MS, `${elapsed} ms on ${name}`);
      }
    });

  it("is bounded for filters that are refused: they are compiled in time as well", () => {
    for (const source of [
      `${"(".repeat(400)}a${"?:1)".repeat(400)}`,
      `a.(${"%+".repeat(900)}%)`,
      `a${".a".repeat(990)}`,
      `a${"[a".repeat(600)}${"]".repeat(600)}`,
      `/${"(a{999}){999}".repeat(150)}/`,
    ]) {
      const started = performance.now();
      assert.throws(() => compileClientFilter(source), { name: "ExpressionError" });
      assert.ok(performance.now() - started < BOUND_MS, source.slice(0, 20));
    }
  });

  it("is reported when it is exceeded, as the other limits are", async () => {
    const failures: readonly [filter: string, value: unknown, message: RegExp][] = [
      [
        `a${"[x or 1]".repeat(60)}`,
        // Fewer items than the limit of a sequence, and 60 results for each.
        { a: arrayOf(4000, (x) => ({ x })) },
        /^the filter failed: it took longer than 10 ms, 4 times$/,
      ],
      ["a.x", VALUES["objects"], /^the filter failed: a sequence has more than 5,000 items$/],
      ["a.b", VALUES["deeply nested arrays"], /^the value is nested more than 64 levels deep$/],
      ["n = 1", { n: 1, a: nested(65, 1) }, /^the value is nested more than 64 levels deep$/],
      ["$string(a)", VALUES["numbers"], /more than 10,000 values is not converted to text$/],
      ["a & a & 'x' = ''", VALUES["repeated texts"], /a text has more than 262,144 characters$/],
    ];
    for (const [filter, value, message] of failures)
      await assert.rejects(compileClientFilter(filter).matches(value, {}), {
        name: "ExpressionError",
        message,
      });
  });
});

describe("core: long texts", () => {
  it("are searched as indexOf does, also where it would take long", () => {
    const text = `${"ab".repeat(1500)}${"a".repeat(3000)}`;
    for (const wanted of [
      "",
      "b",
      text.slice(999),
      `${text.slice(1000, 3500)}c`,
      text,
      `${text}a`,
      "a".repeat(2999),
    ])
      assert.equal(indexOfText(text, wanted), text.indexOf(wanted));
  });

  it("have a surrogate pair as one character", () => {
    assert.equal(countCharacters("a😀\ud83d"), 3);
    assert.equal(sliceCharacters("a😀b😀c", 1, 4), "😀b😀");
    assert.equal(sliceCharacters("a😀", 5, 9), "");
  });
});
