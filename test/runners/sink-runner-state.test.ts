// The state of a sink runner, its start and its stop.

import { strict as assert } from "node:assert";
import type { FeedPosition, RecordFeed, RecordHandler } from "../../src/core/ports.ts";
import { DeliveryError } from "../../src/core/sink.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";
import { SinkRunner } from "../../src/runners/sink-runner.ts";
import { keepingLog } from "../support/gateway.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";

const never = new AbortController().signal;
const record = { topic: "t", partition: 0, offset: 5, timestamp: 0, key: null, value: null, headers: [] };
const positions: readonly FeedPosition[] = [
  { topic: "t", partition: 0, position: 5, lag: 3 },
  { topic: "t", partition: 1, position: 0, lag: 1 },
  { topic: "t", partition: 2, position: 1, lag: 4 },
];

/** A feed that runs until the test calls `drained`. */
function endlessFeed(state: Partial<Omit<RecordFeed, "run">> = {}) {
  const given: { handler: RecordHandler; signal: AbortSignal } = { handler: async () => 0, signal: never };
  let drained = (): void => {};
  const feed: RecordFeed = {
    run(handler, signal) {
      Object.assign(given, { handler, signal });
      return new Promise((resolve) => {
        drained = resolve;
      });
    },
    isAssigned: true,
    positions,
    notStarted: 0,
    blockedReasons: [],
    blocked: 0,
    ...state,
  };
  return { feed, given, drained: () => drained() };
}

function setUp({
  deliver = async () => {},
  deadLetter = async () => {},
}: {
  deliver?: () => Promise<void>;
  deadLetter?: () => Promise<void>;
} = {}) {
  const clock = hurryingClock();
  const log = keepingLog();
  const runner = new SinkRunner(
    { name: "out", type: "test", filter: undefined, giveUpAfterMs: 1000 },
    { sink: { deliver }, deadLetter, clock, limiter: new RateLimiter(clock), log },
  );
  return { runner, clock, log };
}

/** Resolves as soon as the runner waits; the clock wakes it some milliseconds later. */
async function untilRetrying(runner: SinkRunner): Promise<void> {
  for (let turns = 0; runner.state.state !== "retrying"; turns++) {
    assert.ok(turns < 1000, "the runner never waits");
    await new Promise(setImmediate);
  }
}

describe("runners: state of a sink", () => {
  it("has no partitions before it is started", () => {
    assert.deepEqual(setUp().runner.state, {
      name: "out",
      type: "test",
      state: "running",
      lag: 0,
      blocked: 0,
      partitions: [],
      delivered: 0,
      failed: 0,
      deadLettered: 0,
      skipped: 0,
      lastError: null,
    });
  });

  it("has the partitions of its feed, and the sum of their lags", () => {
    const { runner } = setUp();
    runner.start(endlessFeed().feed);
    const { state, lag, partitions, lastError } = runner.state;
    assert.deepEqual([state, lag, partitions, lastError], ["running", 8, positions, null]);
  });

  it("is `starting`, with an unknown lag, until partitions are assigned and read", () => {
    for (const state of [{ isAssigned: false }, { notStarted: 1 }]) {
      const { runner } = setUp();
      runner.start(endlessFeed({ positions: [], ...state }).feed);
      assert.deepEqual([runner.state.state, runner.state.lag], ["starting", null]);
    }
  });

  it("is `blocked` while its feed has blockedReasons, and has the oldest as error", () => {
    const { runner } = setUp();
    const blockedReasons = [
      { since: 1000, message: "no such topic" },
      { since: 2000, message: "no leader" },
    ];
    runner.start(endlessFeed({ blockedReasons, blocked: 3 }).feed);
    assert.deepEqual([runner.state.state, runner.state.blocked], ["blocked", 3]);
    assert.deepEqual(runner.state.lastError, {
      at: new Date(1000).toISOString(),
      message: "no such topic (and 1 more; see partitions)",
    });
  });

  it("shows no lag while that of a partition is unknown", () => {
    const { runner } = setUp();
    const unknown = { topic: "t", partition: 3, position: 1, lag: null, error: "no leader" };
    runner.start(endlessFeed({ positions: [...positions, unknown] }).feed);
    assert.equal(runner.state.lag, null);
  });

  it("is `running` without partitions if its feed has no trouble", () => {
    const { runner } = setUp();
    runner.start(endlessFeed({ positions: [] }).feed);
    assert.deepEqual([runner.state.state, runner.state.lastError, runner.state.lag], ["running", null, 0]);
  });

  it("gives its feed a handler that delivers, and stops when the feed has stopped", async () => {
    const { runner } = setUp();
    const { feed, given, drained } = endlessFeed();
    runner.start(feed);
    assert.equal(await given.handler([record], never, never), 1);
    assert.equal(runner.state.delivered, 1);
    assert.equal(given.signal.aborted, false);
    let stopped = false;
    const stopping = runner.stop().then(() => {
      stopped = true;
    });
    assert.equal(given.signal.aborted, true);
    await new Promise(setImmediate);
    assert.equal(stopped, false);
    drained();
    await stopping;
    assert.equal(runner.state.state, "stopped");
  });

  it("stops at once if it was never started", async () => {
    const { runner } = setUp();
    await runner.stop();
    assert.equal(runner.state.state, "stopped");
  });

  it("is `retrying` while a record waits, and clears the error when it is delivered", async () => {
    let attempts = 0;
    const states: unknown[] = [];
    const { runner, clock } = setUp({
      async deliver() {
        states.push(runner.state.state);
        if (++attempts === 1) throw new DeliveryError("answered", "500");
      },
    });
    const began = clock.now();
    const handled = runner.handle([record], never, never);
    await untilRetrying(runner);
    assert.deepEqual(runner.state.lastError, { at: new Date(began).toISOString(), message: "500" });
    await handled;
    assert.deepEqual(states, ["running", "retrying"]);
    const { state, failed, delivered, lastError } = runner.state;
    assert.deepEqual([state, failed, delivered, lastError], ["running", 1, 1, null]);
  });

  it("holds a record until its dead letter is written, and has the reason as error", async () => {
    let tries = 0;
    const { runner, clock, log } = setUp({
      async deliver() {
        throw new DeliveryError("permanent", "no");
      },
      async deadLetter() {
        if (++tries <= 2) throw new Error(`Kafka is away (${tries})`);
      },
    });
    const began = clock.now();
    const handled = runner.handle([record], never, never);
    await untilRetrying(runner);
    const at = new Date(began).toISOString();
    assert.deepEqual(runner.state.lastError, { at, message: "Kafka is away (1)" });
    assert.equal(await handled, 1);
    assert.deepEqual([tries, runner.counts.deadLettered, runner.state.state], [3, 1, "running"]);
    // The first wait is 250 to 500 ms, the second 500 to 1000 ms.
    assert.ok(clock.now() - began >= 750 && clock.now() - began <= 1500);
    const place = { sink: "out", topic: "t", partition: 0, offset: 5 };
    assert.deepEqual(
      log.lines.filter(({ level }) => level === "warn").map(({ fields, event }) => [event, fields]),
      [
        ["dead letter not written yet; Onramp retries", { ...place, reason: "Kafka is away (1)" }],
        ["record became a dead letter", { ...place, attempts: 1, reason: "no" }],
      ],
    );
  });

  it("ends the wait for a retry when the partition of the record is revoked", async () => {
    const { runner } = setUp({
      async deliver() {
        throw new DeliveryError("away", "503");
      },
    });
    const ending = new AbortController();
    const handled = runner.handle([record], ending.signal, never);
    await untilRetrying(runner);
    ending.abort(new Error("the partition went away"));
    await assert.rejects(handled, /the partition went away/);
    assert.deepEqual([runner.state.state, runner.counts.deadLettered], ["running", 0]);
  });
});
