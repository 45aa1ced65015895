// Patterns that run in linear time match what JavaScript's regular expressions match.

import { strict as assert } from "node:assert";
import { compilePattern } from "../../src/core/linear-pattern.ts";
import { randomNumbers } from "../support/random-numbers.ts";

const TEXTS = [
  ..."abAZ09_-.$^\\/ \t\n\v\r\u00a0\u2028\ufeffé€".split(""),
  ..."😀 \ud800 aa ab ba abc a1 1a a.b a-b a_b aé a\nb \na a\n 12:30 ABC-1234 some.body@example.com 2026-01-31".split(
    " ",
  ),
  "",
  "aaaaaaaaaa",
];

const PATTERNS = [
  ..."a ^a a$ ^a$ ^ $ a* a+ a? a{2} a{1,} a{0,2} a+? (a|b) (?:ab)+ (?<n>a) a|b| . ^.$ ^.+$ \\d \\D \\w \\W \\s \\S".split(
    " ",
  ),
  ..."[ab] [^ab] [a-z] [^a-z] [] [^] [\\d.] [\\s\\d] [^\\s] [\\S] [\\D\\d] [\\W] [\\b] [-a] [a\\-z] [\\]] \\b \\B \\ba\\b".split(
    " ",
  ),
  ..."\\t \\n \\v \\0 \\cI \\x41 \\u0041 \\u{1F600} \\uD83D\\uDE00 [😀] ^😀$ ^.$ \\/ \\. \\$ \\^ \\p{L} \\P{L} \\p{Lu} \\p{Letter}".split(
    " ",
  ),
  ..."\\p{Script=Latin} \\p{gc=Nd} [\\p{L}\\d_]+ [^\\p{L}] ^[A-Z]{3}-[0-9]{4,8}$ ^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$ ^\\d{4}-\\d\\d-\\d\\d$".split(
    " ",
  ),
  "^[ab]{0,1000}$",
  "a b",
  "^$",
];

describe("core: linear patterns", () => {
  for (const pattern of PATTERNS)
    it(`${pattern} matches the same texts`, () => {
      const [linear, own] = [compilePattern(pattern), new RegExp(pattern, "u")];
      for (const text of TEXTS)
        assert.equal(linear.test(text), own.test(text), `${pattern} on ${JSON.stringify(text)}`);
    });

  it("random patterns match the same texts", () => {
    const pick = randomNumbers(1);
    const one = (list: readonly string[]): string => list[pick(list.length)] as string;
    const part = (depth: number): string =>
      depth > 2 || pick(2) === 0
        ? one(["a", "b", ".", "\\d", "[ab]", "[^a]", "\\w", "^", "$", "\\b", "\\s"])
        : `(${part(depth + 1)}${one(["", "|"])}${part(depth + 1)})${one(["", "*", "+", "?", "{1,2}"])}`;
    for (let n = 0; n < 300; n++) {
      const pattern = part(0) + part(0);
      const [linear, own] = [compilePattern(pattern), new RegExp(pattern, "u")];
      for (const text of TEXTS.filter(({ length }) => length < 12))
        assert.equal(linear.test(text), own.test(text), `${pattern} on ${JSON.stringify(text)}`);
    }
  });

  it("take time in proportion to the text", () => {
    for (const pattern of ["^(a+)+$", "^(a|a)*$", "(.*a){20}", "^(\\w+\\s?)*$", "(x+x+)+y"]) {
      const began = performance.now();
      compilePattern(pattern).test(`${"a".repeat(20_000)}${"x".repeat(20_000)}!`);
      assert.ok(performance.now() - began < 2000, pattern);
    }
  });

  const refused: readonly [pattern: string, says: RegExp][] = [
    ["(?=a)", /has a lookahead or lookbehind/],
    ["(?<!a)b", /has a lookahead or lookbehind/],
    ["(a)\\1", /has a backreference/],
    ["(?<n>a)\\k<n>", /has a backreference/],
    ["a{1001}", /repeats a part more than 1,000 times; use minLength and maxLength/],
    ["(", /not a valid regular expression/],
    ["\\y", /not a valid regular expression/],
  ];
  for (const [pattern, says] of refused)
    it(`${pattern} is refused`, () => assert.throws(() => compilePattern(pattern), says));
});
