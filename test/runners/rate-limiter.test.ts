// The rate limiter of sinks.

import { strict as assert } from "node:assert";
import { systemClock } from "../../src/core/time.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";

describe("runners: rate limiter", () => {
  const never = new AbortController().signal;

  it("permits no more messages per second than the rate, evenly, and holds one channel only", async () => {
    const clock = hurryingClock();
    const limiter = new RateLimiter(clock);
    const at: number[] = [];
    const sender = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) {
        await limiter.take("a", 10, never);
        at.push(clock.now());
      }
    };
    await Promise.all([sender(), sender(), sender()]);
    for (const [index, time] of at.entries())
      assert.ok(index < 10 || time - (at[index - 10] ?? 0) >= 1000, `${index}`);
    assert.ok((at.at(-1) ?? 0) - (at[0] ?? 0) < 6800);
    limiter.hold("a", 60_000);
    const held = clock.now();
    await limiter.take("b", 10, never);
    assert.equal(clock.now(), held);
    await limiter.take("a", 10, never);
    assert.ok(clock.now() - held >= 60_000);
  });

  it("is not delayed by a clock that is set back", async () => {
    let now = 10_000_000;
    const waits: number[] = [];
    const sleep = async (ms: number): Promise<void> => {
      waits.push(ms);
      now += ms;
    };
    const limiter = new RateLimiter({ now: () => now, sleep });
    await limiter.take("a", 1, never);
    now -= 3_600_000;
    await limiter.take("a", 1, never);
    assert.ok(waits.reduce((sum, ms) => sum + ms, 0) <= 1050, String(waits));
  });

  it("rejects a waiting caller at once when its signal aborts", async () => {
    const limiter = new RateLimiter(systemClock);
    const [front, waiting] = [new AbortController(), new AbortController()];
    await limiter.take("a", 0.001, never);
    const first = limiter.take("a", 0.001, front.signal);
    const second = limiter.take("a", 0.001, waiting.signal);
    waiting.abort(new Error("stopped"));
    await assert.rejects(second, /stopped/);
    front.abort(new Error("stopped"));
    await assert.rejects(first, /stopped/);
  });
});
