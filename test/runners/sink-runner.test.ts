// The sink runner.

import { strict as assert } from "node:assert";
import { DeliveryError } from "../../src/core/sink.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";
import { SinkRunner } from "../../src/runners/sink-runner.ts";
import { keepingLog } from "../support/gateway.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";

describe("runners: sink runner", () => {
  it("counts the time spent on a record before its partition was revoked and assigned again", async () => {
    const clock = hurryingClock();
    let [attempts, deadLettered] = [0, 0];
    let interrupt = new AbortController();
    const sink = {
      async deliver(): Promise<void> {
        attempts++;
        if (attempts % 4 === 0) interrupt.abort();
        throw new DeliveryError("answered", "500");
      },
    };
    const deadLetter = async (): Promise<void> => void deadLettered++;
    const runner = new SinkRunner(
      { name: "out", type: "test", filter: undefined, giveUpAfterMs: 10_000 },
      { sink, deadLetter, clock, limiter: new RateLimiter(clock), log: keepingLog() },
    );
    const record = { topic: "t", partition: 0, offset: 5, timestamp: 0, key: null, value: null, headers: [] };
    while (deadLettered === 0 && attempts < 40) {
      interrupt = new AbortController();
      await runner.handle([record], interrupt.signal, interrupt.signal).catch(() => {});
    }
    assert.deepEqual([deadLettered, attempts < 40], [1, true]);
  });
});
