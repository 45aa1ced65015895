// Parsing JSON within bounds.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { MAX_VALUES, parseJson } from "../../src/core/json.ts";

const code = (expected: number) => (error: unknown) =>
  error instanceof OnrampError && error.code === expected;

describe("core: JSON", () => {
  it("bounds depth and values before it parses", () => {
    assert.ok(Array.isArray(parseJson(Buffer.from(`${"[".repeat(1000)}${"]".repeat(1000)}`), "It")));
    assert.throws(() => parseJson(Buffer.from(`${"[".repeat(1001)}${"]".repeat(1001)}`), "It"), code(40001));
    assert.throws(() => parseJson(Buffer.from(`[${"0,".repeat(MAX_VALUES)}0]`), "It"), code(41301));
    assert.ok(parseJson(Buffer.from(JSON.stringify([",".repeat(MAX_VALUES * 2)])), "It"));
  });
  it("reports the position of an error without quoting the text", () => {
    assert.throws(
      () => parseJson(Buffer.from('{"password": secret}'), "It"),
      (error: Error) => /unexpected/.test(error.message) && !error.message.includes("secret"),
    );
  });
});
