import { strict as assert } from "node:assert";
import { compileGlob } from "../../src/core/glob.ts";

const TEXTS = ["", "a", "b", "*", ".", "aa", "ab", "ba", "a.b", "a.ba", "aba", "abab", "a\nb", "aab.aab"];

describe("core: globs", () => {
  it("match the same names as a regular expression in which * is any text", () => {
    const patterns = TEXTS.flatMap((a) => TEXTS.flatMap((b) => [`${a}*${b}`, `*${a}*${b}*`, `${a}**${b}`]));
    for (const pattern of [...patterns, ...TEXTS])
      for (const name of [...TEXTS, ...TEXTS.map((text) => `${text}${text}`)]) {
        const parts = pattern.split("*").map((part) => part.replaceAll(/[.\\]/g, "\\$&"));
        const expected = new RegExp(`^${parts.join(".*")}$`, "s").test(name);
        assert.equal(
          compileGlob(pattern)(name),
          expected,
          `${JSON.stringify(pattern)} and ${JSON.stringify(name)}`,
        );
      }
  });

  it("do not use the same text for the beginning and the end", () => {
    assert.equal(compileGlob("ab*ba")("aba"), false);
    assert.equal(compileGlob("ab*ba")("abba"), true);
  });

  it("match long names with many parts in linear time", () => {
    const matches = compileGlob(`${"*.".repeat(1000)}*events`);
    const began = performance.now();
    assert.equal(matches(".".repeat(1_000_000)), false);
    assert.ok(performance.now() - began < 1000);
  });
});
