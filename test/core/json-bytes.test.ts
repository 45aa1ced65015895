// Single bytes where they decide whether a text is JSON, against the parser.

import { strict as assert } from "node:assert";
import { isUtf8 } from "node:buffer";
import { OnrampError } from "../../src/core/errors.ts";
import { MAX_DEPTH, parseJson } from "../../src/core/json.ts";
import { jsonFault } from "../../src/core/json-check.ts";

const faultOf = (text: string | Buffer, depth = 1000) => jsonFault(Buffer.from(text), depth, 1_000_000);
function parses(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

describe("core: bytes of JSON", () => {
  it("are as good to the check as to JSON.parse, at every place of escapes, numbers and words", () => {
    for (const text of [
      '"\\u00e9"',
      '"\\n0041"',
      '{"\\n":[1E5,-0.5e+10,20]}',
      '{"a":true,"b":false,"c":null}',
      '{"\\1}',
    ])
      for (let at = 0; at < text.length; at++)
        for (let byte = 0; byte < 128; byte++) {
          const bytes = Buffer.from(text);
          bytes[at] = byte;
          assert.ok(isUtf8(bytes));
          assert.equal(faultOf(bytes) === undefined, parses(bytes), JSON.stringify(bytes.toString()));
        }
  });

  it("are named by their position where they are wrong", () => {
    for (const [text, at] of [
      ["[trux]", 4],
      ["[nulk]", 4],
      ['{"a":1,"b" 2}', 11],
      ['{"a":1,b:2}', 7],
      ['["\\u00g0"]', 6],
      ["[1.x]", 3],
    ] as const)
      assert.deepEqual(faultOf(text), { what: "character", at }, text);
    for (const text of ['{"a":1,"b', "[tru", '"\\u00', "-", "1e"])
      assert.deepEqual(faultOf(text), { what: "end", at: text.length }, text);
  });

  it("may nest objects to exactly the depth that is allowed, each time more than before", () => {
    for (const depth of [MAX_DEPTH, MAX_DEPTH + 1, MAX_DEPTH + 2]) {
      const text = `${'{"a":['.repeat(depth / 2)}1${"]}".repeat(depth / 2)}`;
      assert.equal(faultOf(text, depth), undefined);
      const objects = `${'{"a":'.repeat(depth)}1,"b":2${"}".repeat(depth)}`;
      assert.equal(faultOf(objects, depth), undefined);
      assert.deepEqual(faultOf(objects, depth - 1), { what: "depth", at: 5 * (depth - 1) });
    }
  });

  it("are found by the parser at their position, with its own error as the cause", () => {
    assert.throws(
      () => parseJson(Buffer.from("[10, 20, 30 40]"), "The body"),
      (error: unknown) =>
        error instanceof OnrampError &&
        error.message === "The body is not valid JSON: unexpected character at position 12." &&
        error.cause instanceof SyntaxError,
    );
  });
});
