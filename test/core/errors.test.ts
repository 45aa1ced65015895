// The table of errors.

import { strict as assert } from "node:assert";
import { asOnrampError, errorTable } from "../../src/core/errors.ts";

describe("core: errors", () => {
  it("every code begins with its status, and its row says what is known", () => {
    for (const [number, { status, known }] of Object.entries(errorTable)) {
      assert.equal(Math.floor(Number(number) / 100), status);
      assert.equal(known === "unknown", status === 504 || number === "50000");
    }
  });
  it("an unexpected error is 50000, without its text", () => {
    const error = asOnrampError(new Error("the secret is x"));
    assert.deepEqual([error.code, error.message.includes("secret")], [50000, false]);
    assert.equal((error.cause as Error).message, "the secret is x");
  });
});
