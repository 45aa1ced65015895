// The budget for bytes in memory.

import { strict as assert } from "node:assert";
import { Budget } from "../../src/core/budget.ts";
import { OnrampError } from "../../src/core/errors.ts";

const code = (expected: number) => (error: unknown) =>
  error instanceof OnrampError && error.code === expected;

describe("core: budget", () => {
  it("limits the total, and each client to half of it; released bytes are available again", () => {
    const budget = new Budget(100);
    budget.take("a", 50);
    assert.throws(() => budget.take("a", 1), code(42901));
    budget.take("b", 50);
    assert.throws(() => budget.take("c", 1), code(50301));
    budget.give("a", 50);
    budget.take("c", 50);
    assert.equal(budget.used, 100);
  });
});
