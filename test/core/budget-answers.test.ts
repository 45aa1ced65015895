// The errors of the budget when it is full, and its gauge.

import { strict as assert } from "node:assert";
import { Budget } from "../../src/core/budget.ts";
import { OnrampError } from "../../src/core/errors.ts";

const refused = (code: number, text: RegExp) => (error: unknown) =>
  error instanceof OnrampError && error.code === code && text.test(error.message);

describe("core: errors and gauge of the budget", () => {
  it("takes all bytes or none, and names the limit that would be exceeded", () => {
    const budget = new Budget(100);
    assert.throws(() => budget.take("a", 51), refused(42901, /half of http\.budget \(50 bytes\)/));
    assert.throws(() => budget.take("a", 101), refused(50301, /would exceed http\.budget \(100 bytes\)/));
    assert.equal(budget.used, 0);
    budget.take("a", 30);
    assert.throws(() => budget.take("a", 21), refused(42901, /half/));
    budget.take("a", 20);
    budget.take("b", 49);
    assert.throws(() => budget.take("b", 2), refused(50301, /Nothing was written/));
    assert.equal(budget.used, 99);
  });

  it("releases bytes of a client, but no more than it took", () => {
    const budget = new Budget(100);
    budget.take("a", 40);
    budget.give("a", 10);
    assert.equal(budget.used, 30);
    assert.throws(() => budget.take("a", 21), refused(42901, /half/));
    budget.take("a", 20);
    budget.give("a", 50);
    assert.equal(budget.used, 0);
    budget.take("a", 50);
    budget.take("b", 50);
  });

  it("has a gauge of the bytes that are taken", () => {
    const budget = new Budget(100);
    const [metric] = budget.metrics;
    assert.deepEqual(
      [budget.limit, budget.metrics.length, metric?.name, metric?.type, metric?.labels],
      [100, 1, "onramp_in_flight_bytes", "gauge", []],
    );
    budget.take("a", 40);
    assert.deepEqual([...(metric?.read() ?? [])], [{ labels: {}, value: 40 }]);
  });
});
