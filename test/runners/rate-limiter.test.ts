// The rate limiter of sinks.

import { strict as assert } from "node:assert";
import { systemClock } from "../../src/core/time.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";

describe("ops: turns", () => {
  const never = new AbortController().signal;

  it("hands out no more than the rate in any second, evenly, and holds a channel up alone", async () => {
    const clock = hurryingClock();
    const turns = new RateLimiter(clock);
    const at: number[] = [];
    const sender = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        await turns.take("a", 10, never);
        at.push(clock.now());
      }
    };
    await Promise.all([sender(), sender(), sender()]);
    for (const [index, time] of at.entries())
      assert.ok(index < 10 || time - (at[index - 10] ?? 0) >= 1000, `${index}`);
    assert.ok((at.at(-1) ?? 0) - (at[0] ?? 0) < 6800);
    turns.hold("a", 60_000);
    const held = clock.now();
    await turns.take("b", 10, never);
    assert.equal(clock.now(), held);
    await turns.take("a", 10, never);
    assert.ok(clock.now() - held >= 60_000);
  });

  it("is not held up by a clock that is set back", async () => {
    let now = 10_000_000;
    const waits: number[] = [];
    const sleep = async (ms: number): Promise<void> => {
      waits.push(ms);
      now += ms;
    };
    const turns = new RateLimiter({ now: () => now, sleep });
    await turns.take("a", 1, never);
    now -= 3_600_000;
    await turns.take("a", 1, never);
    assert.ok(waits.reduce((sum, ms) => sum + ms, 0) <= 1050, String(waits));
  });

  it("lets whoever stands behind in a line go at once when it is told to stop", async () => {
    const turns = new RateLimiter(systemClock);
    const [front, behind] = [new AbortController(), new AbortController()];
    await turns.take("a", 0.001, never);
    const first = turns.take("a", 0.001, front.signal);
    const second = turns.take("a", 0.001, behind.signal);
    behind.abort(new Error("stopped"));
    await assert.rejects(second, /stopped/);
    front.abort(new Error("stopped"));
    await assert.rejects(first, /stopped/);
  });
});
