// Backoff, and waits that end at a deadline or a signal.

import { strict as assert } from "node:assert";
import { getEventListeners } from "node:events";
import {
  Backoff,
  firstSuccess,
  parseTime,
  systemClock,
  untilAborted,
  untilDeadline,
} from "../../src/core/time.ts";

const never = new Promise<never>(() => {});
/** Whether a timer still keeps the process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

describe("core: time", () => {
  it("parses times in RFC 3339, and no others", () => {
    for (const [text, time] of [
      ["2026-01-31T12:00:00Z", 1_769_860_800_000],
      ["2026-01-31t13:00:00.250+01:00", 1_769_860_800_250],
      ["2026-01-31T12:00Z", 1_769_860_800_000],
      ["2028-02-29T00:00:00Z", 1_835_395_200_000],
      ["1969-12-31T23:59:59Z", -1000],
      ...["2026-02-30T00:00:00Z", "2027-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z"].map(
        (wrong) => [wrong, undefined] as const,
      ),
      ...["2026-01-31T25:00:00Z", "2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00", "1", ""].map(
        (wrong) => [wrong, undefined] as const,
      ),
    ] as const)
      assert.equal(parseTime(text), time, text);
  });

  it("has a backoff that is active from a failure until a reset", () => {
    const backoff = new Backoff(100, 1000);
    assert.deepEqual([backoff.active, backoff.ready(0)], [false, true]);
    const wait = backoff.next(5000);
    assert.deepEqual(
      [backoff.active, backoff.ready(5000 + wait - 0.001), backoff.ready(5000 + wait)],
      [true, false, true],
    );
    backoff.reset();
    assert.deepEqual([backoff.active, backoff.ready(0)], [false, true]);
    assert.ok(backoff.next(0) <= 100);
  });

  it("has random waits between half and all of a limit that doubles each time", () => {
    for (let n = 0; n < 100; n++) {
      const backoff = new Backoff(100, 1000);
      for (const most of [100, 200, 400, 800, 1000, 1000]) {
        const wait = backoff.next(0);
        assert.ok(wait >= most / 2 && wait <= most, `${wait} of ${most}`);
      }
    }
    const waits = Array.from({ length: 500 }, () => new Backoff(1000, 1000).next(0));
    assert.ok(Math.min(...waits) < 600 && Math.max(...waits) > 900, "the waits are spread");
  });

  it("returns the outcome of work that ends before its deadline, and leaves no timer", async () => {
    // mocha sets its own timer once a test waits.
    await Promise.resolve();
    const before = timers();
    assert.equal(await untilDeadline(Promise.resolve(7), Date.now() + 60_000, "late"), 7);
    const failing = Promise.reject(new Error("failed"));
    await assert.rejects(untilDeadline(failing, Date.now() + 60_000, "late"), /^Error: failed$/);
    assert.equal(timers(), before);
  });

  it("ends the wait for work at its deadline, at once where that has passed", async () => {
    const began = performance.now();
    await assert.rejects(untilDeadline(never, Date.now() + 30, "late"), /^Error: late$/);
    assert.ok(performance.now() - began >= 25);
    await assert.rejects(untilDeadline(never, 0, "late"), /^Error: late$/);
  });

  it("returns the outcome of work that ends before a signal, and removes its listener", async () => {
    const { signal } = new AbortController();
    assert.equal(await untilAborted(Promise.resolve(7), signal), 7);
    await assert.rejects(untilAborted(Promise.reject(new Error("failed")), signal), /^Error: failed$/);
    assert.deepEqual(getEventListeners(signal, "abort"), []);
  });

  it("ends the wait for work with the reason of the signal", async () => {
    const controller = new AbortController();
    const waiting = untilAborted(never, controller.signal);
    controller.abort(new Error("stopped"));
    await assert.rejects(waiting, /^Error: stopped$/);
    await assert.rejects(untilAborted(never, controller.signal), /^Error: stopped$/);
  });

  it("returns the first success of attempts, and starts the next one after a failure or a delay", async () => {
    const started: string[] = [];
    const attempt = (name: string, outcome: Promise<string>) => () => {
      started.push(name);
      return outcome;
    };
    const never = new Promise<string>(() => {});
    const [good, bad] = [Promise.resolve("good"), Promise.reject(new Error("bad"))];
    bad.catch(() => {});
    assert.equal(await firstSuccess([attempt("a", good), attempt("b", good)], 60_000), "good");
    assert.equal(await firstSuccess([attempt("c", bad), attempt("d", good)], 60_000), "good");
    assert.equal(await firstSuccess([attempt("e", never), attempt("f", good)], 1), "good");
    assert.deepEqual(started, ["a", "c", "d", "e", "f"]);
  });

  it("fails with all errors, in order, when every attempt fails, or when there is none", async () => {
    const fails = (message: string) => () => Promise.reject(new Error(message));
    const errors = async (attempts: (() => Promise<string>)[]) =>
      firstSuccess(attempts, 1).catch((error: AggregateError) => error.errors.map(String));
    assert.deepEqual(await errors([fails("a"), fails("b")]), ["Error: a", "Error: b"]);
    assert.deepEqual(await errors([]), []);
  });

  it("has a system clock whose sleep ends with the reason of its signal", async () => {
    const before = Date.now();
    const now = systemClock.now();
    assert.ok(now >= before && now <= Date.now());
    const began = performance.now();
    await systemClock.sleep(20, new AbortController().signal);
    assert.ok(performance.now() - began >= 15);
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error("stopped"));
    await assert.rejects(sleep, /^Error: stopped$/);
  });
});
