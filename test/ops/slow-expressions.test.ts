// Warnings about slow expressions.

import { strict as assert } from "node:assert";
import { compileExpression } from "../../src/core/expressions.ts";
import { slowExpressions } from "../../src/ops/slow-expressions.ts";
import { keepingLog } from "../support/gateway.ts";

describe("ops: slow expressions", () => {
  it("logs the path of an expression that blocks the process, once per minute", async () => {
    const log = keepingLog();
    const report = slowExpressions(log);
    const slow = compileExpression("$sum([1..300000].($ * 2))", (ms) => report("sinks.team.text", ms));
    await slow.evaluate({}, {});
    await slow.evaluate({}, {});
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields["expression"]]),
      [["warn", "sinks.team.text"]],
    );
  });
});
