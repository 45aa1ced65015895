// The limit for the throttle times of brokers.

import { strict as assert } from "node:assert";
import { ThrottleLimit } from "../../../src/kafka/client/throttle.ts";
import { keepingLog } from "../../support/gateway.ts";

describe("kafka: throttle times", () => {
  it("are 0 to 30 s, and each change to a longer one is logged once per broker", () => {
    const log = keepingLog();
    const limit = new ThrottleLimit(log);
    const apply = (throttleTimeMs: number, broker = "a:9092"): number =>
      limit.apply(broker, { throttleTimeMs }).throttleTimeMs;
    assert.deepEqual(
      [-1, 0, 30_000].map((ms) => apply(ms)),
      [0, 0, 30_000],
    );
    assert.equal(log.lines.length, 0);
    assert.deepEqual(
      [30_001, 2 ** 31 - 1].map((ms) => apply(ms)),
      [30_000, 30_000],
    );
    assert.equal(log.lines.length, 1);
    apply(5, "a:9092");
    apply(40_000, "a:9092");
    apply(40_000, "b:9092");
    assert.equal(log.lines.length, 3);
    assert.deepEqual(limit.apply("a:9092", { errorCode: 0 }), { errorCode: 0 });
  });
});
