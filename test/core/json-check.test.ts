// Compares the JSON check, which creates no values, with JSON.parse.

import { strict as assert } from "node:assert";
import { isUtf8 } from "node:buffer";
import { createRequire } from "node:module";
import { jsonFault } from "../../src/core/json-check.ts";

const valid = (bytes: Buffer): boolean => jsonFault(bytes, 1000, 1_000_000) === undefined;
const parses = (bytes: Buffer): boolean => {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
};

/** Random numbers below `below`, the same in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const WORDS = [
  ...["{}", "[]", '{"a":1}', "[1,2]", '"x"', '"\\u00e9\\n"', '"é"', "-0.5e+10", "0", "true", "false", "null"],
  ...["{", "}", "[", "]", ",", ":", '"', "\\", "-", "01", "1.", ".5", "1e", "+1", "tru", "nul", "NaN", "'a'"],
  ...[" ", "\t", "\r\n", "\u00a0", "\u2028", "\ufeff", "\x00", "\x1f", "\x7f", "/*", "//", "\\u12", "\\x"],
];

describe("core: the JSON check", () => {
  it("agrees with JSON.parse on every sequence of up to three of these words", () => {
    for (const one of ["", ...WORDS])
      for (const two of ["", ...WORDS])
        for (const three of ["", ...WORDS]) {
          const bytes = Buffer.from(one + two + three);
          assert.equal(valid(bytes), parses(bytes), JSON.stringify(bytes.toString()));
        }
  });

  it("agrees with JSON.parse on GitHub's payloads, unchanged and with a byte changed, cut or doubled", () => {
    const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as {
      examples: unknown[];
    }[];
    const roll = dice(7);
    for (const { examples: payloads } of examples) {
      const text = Buffer.from(JSON.stringify(payloads[0], null, roll(2)));
      assert.ok(valid(text));
      for (let n = 0; n < 20; n++) {
        const at = roll(text.length);
        const changed = Buffer.from(text);
        if (n % 3 === 0) changed[at] = roll(128);
        const bytes =
          n % 3 === 0
            ? changed
            : Buffer.concat([text.subarray(0, at), text.subarray(n % 3 === 1 ? at + 1 : at - 1)]);
        if (isUtf8(bytes)) assert.equal(valid(bytes), parses(bytes));
      }
    }
  });

  it("reports the fault and its position", () => {
    const faultOf = (text: string, depth = 3, values = 5) => jsonFault(Buffer.from(text), depth, values);
    assert.deepEqual(faultOf('{"a" 1}'), { what: "character", at: 5 });
    assert.deepEqual(faultOf('{"a":'), { what: "end", at: 5 });
    assert.deepEqual(faultOf("[[[[]]]]"), { what: "depth", at: 3 });
    assert.deepEqual(faultOf("[1,2,3,4,5]"), { what: "values", at: 9 });
    assert.equal(faultOf("[[[1,2]]]"), undefined);
  });
});
