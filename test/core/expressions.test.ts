// JSONata expressions.

import { strict as assert } from "node:assert";
import { compileExpression, ExpressionError, toKey } from "../../src/core/expressions.ts";

describe("core: expressions", () => {
  it("make a key without quotes from a string, JSON from other values, and no key from nothing", async () => {
    assert.equal(toKey(await compileExpression("a.b").evaluate({ a: { b: "x" } }, {}))?.toString(), "x");
    assert.equal(toKey(7)?.toString(), "7");
    assert.equal(toKey({ a: 1 })?.toString(), '{"a":1}');
    assert.equal(toKey(undefined), null);
    assert.throws(() => toKey(2 ** 60), ExpressionError);
  });
  it("report an error with its position, without the text of the expression", async () => {
    assert.throws(
      () => compileExpression('$secret & "'),
      (error: Error) => /position/.test(error.message) && !error.message.includes("secret"),
    );
    await assert.rejects(compileExpression("$uppercase(1, 2)").evaluate({}, {}), ExpressionError);
  });

  it("refuse arrays in arrays in more than 64 levels, which take time in proportion to the levels", async () => {
    const { evaluate } = compileExpression("orderId");
    const nested = (levels: number): unknown => (levels === 0 ? { orderId: "o" } : [nested(levels - 1)]);
    assert.equal(await evaluate(nested(64), {}), "o");
    await assert.rejects(evaluate({ order: nested(65) }, {}), /arrays in arrays in more than 64 levels/);
    const objects = (levels: number): unknown => (levels === 0 ? [1] : { a: objects(levels - 1) });
    assert.equal(await evaluate(objects(500), {}), undefined);
  });
});
