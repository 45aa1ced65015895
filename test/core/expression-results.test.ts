// The results of expressions, their errors, and the warning about slow ones.

import { strict as assert } from "node:assert";
import { compileExpression, ExpressionError, toKey } from "../../src/core/expressions.ts";

describe("core: results of expressions", () => {
  it("depend on the input and the bindings", async () => {
    const expression = compileExpression("$topic & '/' & $headers.h & '/' & id & $twice(2)");
    const bindings = { topic: "t", headers: { h: "v" }, twice: (value: number) => 2 * value };
    assert.equal(await expression.evaluate({ id: 1 }, bindings), "t/v/14");
    assert.equal(expression.source.startsWith("$topic"), true);
    assert.equal(await compileExpression("nothing").evaluate({}, {}), undefined);
  });

  it("are errors with JSONata's code, the position and the cause", async () => {
    const compileError = (source: string): ExpressionError => {
      try {
        compileExpression(source);
      } catch (error) {
        assert.ok(error instanceof ExpressionError);
        return error;
      }
      return assert.fail(source);
    };
    const broken = compileError("a + ");
    assert.equal(broken.message, "this is not a valid JSONata expression: JSONata S0207 at position 4");
    assert.ok(broken.cause);
    await assert.rejects(compileExpression("$number('x')").evaluate({}, {}), (error: Error) => {
      assert.match(error.message, /^the expression failed: JSONata D3030 at position \d+$/);
      return error.name === "ExpressionError" && error.cause !== undefined;
    });
  });

  it("are errors that do not contain the text of an error that a function threw", async () => {
    const fail = (): never => {
      throw new Error("the secret is x");
    };
    await assert.rejects(compileExpression("$fail()").evaluate({}, { fail }), (error: Error) => {
      assert.match(error.message, /^the expression failed: JSONata error( at position \d+)?$/);
      return !error.message.includes("secret");
    });
  });

  it("are reported with their duration in milliseconds only when they take long", async () => {
    const told: number[] = [];
    const onSlow = (ms: number): void => void told.push(ms);
    const busy = (ms: number): void => {
      for (const end = performance.now() + ms; performance.now() < end; );
    };
    await compileExpression("$busy(60)", onSlow).evaluate({}, { busy });
    assert.equal(told.length, 1);
    assert.ok((told[0] ?? 0) >= 60 && (told[0] ?? 0) < 5000);
    await compileExpression("1", onSlow).evaluate({}, {});
    const failing = compileExpression("$busy(60) + $number('x')", onSlow).evaluate({}, { busy });
    await assert.rejects(failing, ExpressionError);
    assert.equal(told.length, 2);
    await compileExpression("$busy(60)").evaluate({}, { busy });
  });

  it("become keys: text without quotes, other values as JSON, nothing as no key", () => {
    for (const [value, key] of [
      ["", ""],
      ["ü", "ü"],
      [true, "true"],
      [1.5, "1.5"],
      [2 ** 53 - 1, "9007199254740991"],
      [1e-7, "1e-7"],
      [["a", 1], '["a",1]'],
      [null, undefined],
      [undefined, undefined],
    ] as const)
      assert.equal(toKey(value)?.toString(), key);
    for (const lost of [2 ** 53, -(2 ** 53), 1e300])
      assert.throws(() => toKey(lost), /integer with more digits than JavaScript can represent/);
  });
});
