// The evaluation of common filters without JSONata: always the result of JSONata.

import { strict as assert } from "node:assert";
import { bindingsOf } from "../../src/core/bindings.ts";
import { compileClientFilter } from "../../src/core/client-filter.ts";
import { type Bindings, compileExpression, type Expression } from "../../src/core/expressions.ts";
import { DEADLINE, filterFunctions } from "../../src/core/filter-functions.ts";
import { checkTree } from "../../src/core/filter-rules.ts";
import { compileShortcut, type Shortcut } from "../../src/core/filter-shortcut.ts";
import { parsedValue } from "../../src/core/json-numbers.ts";
import { thorough } from "../support/broker.ts";

const FILTERS = thorough ? 6000 : 600;
const VALUES_PER_FILTER = 10;

const functions = await filterFunctions();

/** Compiles a filter as `compileClientFilter` does, without a limit of time: the machine may be busy. */
function compile(source: string): { readonly jsonata: Expression; readonly shortcut: Shortcut | undefined } {
  let shortcut: Shortcut | undefined;
  const check = (tree: unknown): void => {
    checkTree(tree);
    shortcut = compileShortcut(tree);
  };
  const limits = { timeout: 60_000, stack: 300, sequence: 5000 };
  const jsonata = compileExpression(source, undefined, { limits, functions, check });
  return { jsonata, shortcut };
}

const RECORD = {
  topic: "orders",
  partition: 3,
  offset: 7,
  timestamp: 1_700_000_000_000,
  key: Buffer.from("k1"),
  headers: [
    { key: "x", value: Buffer.from("abc") },
    { key: "x-y", value: Buffer.from("10") },
  ],
};
const BINDINGS: readonly Bindings[] = [
  bindingsOf(RECORD),
  bindingsOf({ ...RECORD, key: null, headers: [{ key: "__proto__", value: Buffer.from("abc") }] }),
  bindingsOf({ ...RECORD, key: Buffer.from("12"), headers: [] }),
  {},
];

/** Numbers of a generator of Lehmer: the same in every run. */
let state = 20_261_126;
const below = (limit: number): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state % limit;
};
const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
const several = <T>(most: number, make: () => T): T[] => Array.from({ length: below(most + 1) }, make);

const TEXTS = [
  "abc",
  "b",
  "",
  "Abc",
  "10",
  "9",
  "-1",
  "9007199254740993",
  "1e400",
  "0.1",
  "2026-01-01T00:00:00Z",
  "-",
  "ä😀",
];
const NUMBERS = ["0", "1", "2", "10", "-1", "1.5", "3", "1700000000000", "9007199254740991"];
const INEXACT = [
  "9007199254740993",
  "18446744073709551615",
  "-9007199254740993",
  "0.12345678901234567890",
  "1e400",
];
const NAMES = ["a", "b", "c", "n", "`x-y`", "and"];
/** Of most objects, only others than their own members have these names. */
const RARE_NAMES = [...NAMES, "`__proto__`", "constructor", "absent"];
const name = (): string => one(below(5) === 0 ? RARE_NAMES : NAMES);

const path = (): string =>
  one(["", "", "", "", "$headers."]) + [name(), ...several(below(3) === 0 ? 2 : 0, name)].join(".");
const literal = (): string =>
  one([
    () => `'${one(TEXTS)}'`,
    () => `'${one(TEXTS)}'`,
    () => one(NUMBERS),
    () => one(NUMBERS),
    () => one(["true", "false", "null"]),
  ])();
const scalar = (depth: number): string =>
  one([
    path,
    path,
    literal,
    () => one(["$key", "$topic", "$partition", "$offset", "$timestamp"]),
    () =>
      depth > 0 ? `${scalar(depth - 1)} ${one(["+", "-", "*", "/", "%"])} ${scalar(depth - 1)}` : path(),
    () => (depth > 0 ? `(${filter(depth - 1)})` : path()),
    () => `-${path()}`,
  ])();
const test = (depth: number): string =>
  one([
    () => `${path()} ${one(["=", "!="])} ${literal()}`,
    () => `${path()} ${one(["<", "<=", ">", ">="])} ${one(NUMBERS)}`,
    () => `${scalar(depth)} ${one(["=", "!=", "<", "<=", ">", ">="])} ${scalar(depth)}`,
    () => `${scalar(depth)} in [${several(4, literal).join(", ")}]`,
    () => `$exists(${one([path(), scalar(depth)])})`,
    () => `$contains(${one([path(), scalar(depth)])}, ${one([literal(), path()])})`,
    () => scalar(depth),
  ])();
const filter = (depth: number): string =>
  one([
    () => test(depth),
    () => (depth > 0 ? `${filter(depth - 1)} ${one(["and", "or"])} ${filter(depth - 1)}` : test(0)),
    () =>
      depth > 0 ? `(${filter(depth - 1)}) ${one(["and", "or", "=", "!="])} ${filter(depth - 1)}` : test(0),
    () => (depth > 0 ? `$not(${filter(depth - 1)})` : test(0)),
  ])();

const members = (depth: number): string =>
  `{${RARE_NAMES.flatMap((name) => (below(3) === 0 ? [] : [`"${name.replaceAll("`", "")}":${json(depth)}`]))}}`;
const json = (depth: number): string =>
  one([
    () => JSON.stringify(one(TEXTS)),
    () => JSON.stringify(one(TEXTS)),
    () => one(NUMBERS),
    () => one(NUMBERS),
    () => one(INEXACT),
    () => one(["true", "false", "null"]),
    () => (depth > 0 ? members(depth - 1) : "{}"),
    () => (depth > 0 ? members(depth - 1) : '{"_jsonata_lambda":true,"a":1}'),
    () => `[${several(2, () => json(0))}]`,
  ])();
const value = (): Buffer | null =>
  below(8) > 0
    ? Buffer.from(members(2))
    : one([() => Buffer.from(json(1)), () => Buffer.from("abc"), () => null])();

const RECORD_VALUE = parsedValue(
  Buffer.from(
    '{"action":"opened","amount":12,"open":true,"note":null,"at":"2026-01-01T00:00:00Z","user":{"id":"u7"}}',
  ),
);
const PLAIN_BINDINGS = bindingsOf(RECORD);

describe("core: the shortcut of filters", () => {
  it(`has the result of JSONata on ${FILTERS * VALUES_PER_FILTER} pairs of filters and values`, async function () {
    this.timeout(120_000);
    let [pairs, decided, matched] = [0, 0, 0];
    for (let k = 0; k < FILTERS; k++) {
      const source = filter(below(4));
      const { jsonata, shortcut } = compile(source);
      for (let n = 0; n < VALUES_PER_FILTER; n++, pairs++) {
        const input = parsedValue(value());
        const bindings = one(BINDINGS);
        const result = shortcut?.(input, bindings);
        if (result === undefined) continue;
        const expected = await jsonata
          .matches(input, { ...bindings, [DEADLINE]: Number.POSITIVE_INFINITY })
          .catch((error: Error) => error.message);
        assert.equal(
          result,
          expected,
          `${source} on ${JSON.stringify(input)} with ${JSON.stringify(bindings)}`,
        );
        decided++;
        if (result) matched++;
      }
    }
    assert.ok(decided > pairs / 4 && matched > decided / 10, `${decided} decided, ${matched} matched`);
  });

  const decided: readonly [filter: string, result: boolean][] = [
    ["action = 'opened' and amount > 10", true],
    ["action != 'opened' or amount % 5 * 2 - 1 + 4 / 2 = 5", true],
    ["action in ['closed', 'opened'] and $not(amount <= 11)", true],
    ["(user.id = 'u7') and $exists(user) and $contains(action, 'pen')", true],
    [
      "$topic = 'orders' and $key = 'k1' and $partition = 3 and $offset < 8 and $timestamp >= 1700000000000",
      true,
    ],
    ["$headers.x = 'abc' and $headers.`x-y` = '10'", true],
    ["at > '2026-01-01' and at < '2026-01-02' and -amount < 0", true],
    ["open", true],
    ["note = null and $not(note)", true],
    ["amount = '12' or amount = true or action = 12", false],
    ["absent.id = 1 or action.id = 1 or absent > 1 or $contains(absent, 'a') or $not(absent)", false],
    ["action", false],
    ["amount", false],
  ];
  for (const [source, result] of decided)
    it(`decides on a plain record: ${source}`, async () => {
      const filter = compileClientFilter(source);
      assert.equal(filter.shortcut?.(RECORD_VALUE, PLAIN_BINDINGS), result);
      assert.equal(await filter.matches(RECORD_VALUE, PLAIN_BINDINGS), result);
    });

  it("leaves other values to JSONata", () => {
    const undecided: readonly [filter: string, input: unknown][] = [
      ["a = 1", undefined],
      ["a = 1", "text"],
      ["a = 1", [{ a: 1 }]],
      ["a = 1", { a: [1] }],
      ["a = 1", { a: { b: 1 } }],
      ["a.b = 1", { a: [{ b: 1 }] }],
      ["a > 1", { a: "2" }],
      ["a > '1'", { a: "9007199254740993" }],
      ["a > '1'", { a: `1${"0".repeat(100)}` }],
      ["a > 1", { a: null }],
      ["a > 1", { a: true }],
      ["a + 1 = 2", { a: "1" }],
      ["a / 0 > 1", { a: 1 }],
      ["a and true", { a: Number.POSITIVE_INFINITY }],
      ["$contains(a, 'b')", { a: 1 }],
      ["$contains(a, 'bc')", { a: "b".repeat(2 ** 15) }],
      ["$contains(a, a)", { a: "b".repeat(2 ** 10) }],
      ["$exists(a)", { a: { _jsonata_lambda: true } }],
      ["$exists(a)", { a: 1, _jsonata_function: true }],
      ["a", { a: {} }],
    ];
    for (const [source, input] of undecided) {
      const { shortcut } = compileClientFilter(source);
      assert.ok(shortcut, source);
      assert.equal(shortcut(input, PLAIN_BINDINGS), undefined, source);
    }
    const { shortcut } = compileClientFilter("a = 1");
    const deep = Array.from({ length: 70 }).reduce((inner: unknown) => ({ inner }), {});
    assert.equal(shortcut?.({ a: 1, deep }, PLAIN_BINDINGS), undefined);
  });

  it("does not exist for filters with other constructs", () => {
    for (const source of [
      "$.a = 1",
      "$$.a = 1",
      "$ = 1",
      "$headers = 1",
      "*.a = 1",
      "a[0] = 1",
      "a[b = 1] = 1",
      "a[] = 1",
      "(a)[0] = 1",
      "'a'[0] = 'a'",
      "$key[0] = 'a'",
      "$headers[0].x = 'a'",
      "a.(b) = 1",
      "(a).b = 1",
      "(a; b)",
      "()",
      "a in b",
      "a in [[1]]",
      "a in [1][0]",
      "a in [1][]",
      "a & b = 'x'",
      "a ? b : c",
      "a ?? b",
      "[1] = a",
      "$lowercase(a) = 'a'",
      "$contains(a)",
      "$exists()",
      "$not(a)[0]",
      "`__proto__` = 1",
      "a.constructor = 1",
    ])
      assert.equal(compileClientFilter(source).shortcut, undefined, source);
  });
});
