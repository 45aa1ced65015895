// What keeps the process honest: the supervisor, the log, backoff.

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { compileExpression } from "../../src/core/expressions.ts";
import { DeliveryError } from "../../src/core/sink.ts";
import { Backoff, systemClock } from "../../src/core/time.ts";
import { slowExpressions } from "../../src/ops/slow-expressions.ts";
import { Supervisor } from "../../src/ops/supervisor.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";
import { SinkRunner } from "../../src/runners/sink-runner.ts";
import { keepingLog } from "../support/gateway.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";

describe("ops: supervisor", () => {
  it("stops in reverse, and lets neither a failure nor a hang keep the others from stopping", async () => {
    const log = keepingLog();
    const supervisor = new Supervisor(log);
    const stopped: string[] = [];
    const service = (name: string, stop: () => Promise<void> = async () => {}) => ({
      name,
      stop: () => {
        stopped.push(name);
        return stop();
      },
    });
    await supervisor.add(service("first"));
    await supervisor.add(service("fails", () => Promise.reject(new Error("no"))));
    await supervisor.add(service("hangs", () => new Promise(() => {})));
    await supervisor.add(service("last"));
    await supervisor.stop(Date.now() + 50);
    assert.deepEqual(stopped, ["last", "hangs", "fails", "first"]);
    assert.equal(log.lines.filter(({ level }) => level === "error").length, 2);
  });
});

describe("ops: log", () => {
  it("writes JSON lines and never a secret, whatever the field's depth", () => {
    const script = `import { createLog } from "./src/ops/log.ts"; createLog().log.info({ password: "hunter2", a: { token: "hunter2", b: { secret: "hunter2" } }, headers: { authorization: "hunter2", cookie: "hunter2" }, ok: 1 }, "said");`;
    const line = execFileSync(
      process.execPath,
      ["--import", "ts-blank-space/register", "--input-type=module", "-e", script],
      {
        encoding: "utf8",
      },
    );
    assert.ok(!line.includes("hunter2"));
    assert.deepEqual([JSON.parse(line).event, JSON.parse(line).ok], ["said", 1]);
  });
});

describe("ops: backoff", () => {
  it("waits longer after each failure, up to the most, and not at all after a reset", () => {
    const backoff = new Backoff(100, 1000);
    for (const wait of [100, 200, 400, 800, 1000, 1000]) {
      backoff.next(0);
      assert.ok(!backoff.ready(wait / 2 - 1) && backoff.ready(wait));
    }
    backoff.reset();
    assert.ok(backoff.ready(0) && !backoff.active);
  });
});

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

describe("ops: slow expressions", () => {
  it("names the place of one that holds everything up, once a minute", async () => {
    const log = keepingLog();
    const told = slowExpressions(log);
    const slow = compileExpression("$sum([1..300000].($ * 2))", (ms) => told("sinks.team.text", ms));
    await slow.evaluate({}, {});
    await slow.evaluate({}, {});
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields["expression"]]),
      [["warn", "sinks.team.text"]],
    );
  });
});

describe("ops: sink runner", () => {
  it("counts what was spent on a record before its partition went away and came back", async () => {
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
