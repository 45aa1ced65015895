// Parses and checks JSON within limits, and reports errors.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { checkJson, endOfString, MAX_DEPTH, MAX_VALUES, parseJson } from "../../src/core/json.ts";
import { jsonFault } from "../../src/core/json-check.ts";

/** The messages of the parser and of the check, whose errors must have the same code. */
function refusals(bytes: Buffer | string, code: number): string[] {
  return [parseJson, checkJson].map((read) => {
    try {
      read(Buffer.from(bytes), "The body");
    } catch (error) {
      assert.ok(error instanceof OnrampError);
      assert.equal(error.code, code);
      return error.message;
    }
    return assert.fail(`${read.name} takes it`);
  });
}
const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("core: bounds of JSON", () => {
  it("is parsed, or checked without creating values", () => {
    for (const text of ['{"é":[1.0,true,null]}', "7", ' "x" ', nested(MAX_DEPTH)]) {
      assert.deepEqual(parseJson(Buffer.from(text), "The body"), JSON.parse(text));
      assert.equal(checkJson(Buffer.from(text), "The body"), undefined);
    }
  });

  it("is UTF-8", () => {
    for (const message of refusals(Buffer.from([0x22, 0xff, 0x22]), 40001))
      assert.equal(message, "The body is not valid UTF-8.");
  });

  it("has at most 1000 levels of objects or arrays", () => {
    const message = "The body is nested more than 1000 levels deep.";
    assert.deepEqual(refusals(nested(MAX_DEPTH + 1), 40001), [message, message]);
    const objects = `${'{"a":'.repeat(MAX_DEPTH + 1)}1${"}".repeat(MAX_DEPTH + 1)}`;
    assert.deepEqual(refusals(objects, 40001), [message, message]);
  });

  it("may have any number of brackets in strings and next to each other, as these add no depth", () => {
    const wide = JSON.stringify(Array.from({ length: 3000 }, () => ["[", "{", '"[', "\\[", { a: "[[" }]));
    assert.equal((parseJson(Buffer.from(wide), "The body") as unknown[]).length, 3000);
    assert.equal(checkJson(Buffer.from(wide), "The body"), undefined);
  });

  it("has at most a million values", () => {
    const most = (values: number): string => `[${"0,".repeat(values - 2)}0]`;
    const message = "The body contains more than 1000000 JSON values. Send them in several requests.";
    assert.deepEqual(refusals(most(MAX_VALUES + 1), 41301), [message, message]);
    assert.equal((parseJson(Buffer.from(most(MAX_VALUES)), "It") as unknown[]).length, MAX_VALUES - 1);
    assert.equal(checkJson(Buffer.from(most(MAX_VALUES)), "It"), undefined);
    const lists = `[${"[],".repeat(MAX_VALUES)}[]]`;
    assert.deepEqual(refusals(lists, 41301), [message, message]);
  });

  it("has errors that name the position, or that the text ends too early", () => {
    for (const [text, why] of [
      ['{"a": secret}', "unexpected character at position 6"],
      ["[1 2]", "unexpected character at position 3"],
      ["[1,", "it ends too early"],
      ["", "it ends too early"],
      ['{"a"', undefined],
    ] as const) {
      const [parsed, checked] = refusals(text, 40001);
      if (why) assert.equal(checked, `The body is not valid JSON: ${why}.`);
      // The parser does not always report the position.
      const form = /^The body is not valid JSON: (unexpected character.*|it ends too early)\.$/;
      assert.match(parsed ?? "", form);
      if (why === "it ends too early") assert.equal(parsed, checked);
      assert.ok(!`${parsed}${checked}`.includes("secret"));
    }
  });

  it("has an error for several values that says how to separate them", () => {
    const why = (at: number): string =>
      `The body is not valid JSON: another value starts at position ${at}. Send one value, or one per line as application/x-ndjson; with curl, use --data-binary, because -d removes line ends.`;
    for (const [text, at] of [
      ['{"a":1}{"a":2}', 7],
      ['"a""b"', 3],
      ["[1] [2]", 4],
      ["null\ntrue", 5],
      ["1 -2", 2],
      ["{}2", 2],
    ] as const)
      assert.deepEqual(refusals(text, 40001), [why(at), why(at)], text);
    for (const text of ["{} x", "{}}", "[1],", '"é" ]'])
      for (const message of refusals(text, 40001)) assert.match(message ?? "", /: unexpected character/);
  });

  it("has strings that end at the first quote that is not escaped", () => {
    const end = (text: string, from = 0): number => endOfString(Buffer.from(text), from);
    assert.equal(end('"ab" "c"'), 3);
    assert.equal(end('"ab" "c"', 5), 7);
    assert.equal(end('"a\\"b"'), 5);
    assert.equal(end('"a\\\\"b"'), 4);
    assert.equal(end('"a\\\\\\"b"'), 7);
    assert.equal(end('""'), 1);
    assert.equal(end('"open'), 5);
    assert.equal(end('"open\\"'), 7);
  });

  it("is checked correctly after another text of any depth", () => {
    assert.deepEqual(jsonFault(Buffer.from(nested(500)), 400, 1000), { what: "depth", at: 400 });
    assert.equal(jsonFault(Buffer.from(nested(500)), 500, 1000), undefined);
    assert.equal(jsonFault(Buffer.from('{"a":[{"b":1}]}'), 3, 4), undefined);
    assert.deepEqual(jsonFault(Buffer.from('{"a":[{"b":1}]}'), 3, 3), { what: "values", at: 11 });
    assert.deepEqual(jsonFault(Buffer.from('{"a":[{"b":1}]}'), 2, 9), { what: "depth", at: 6 });
  });
});
