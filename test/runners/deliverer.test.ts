// Deliveries, their retries, and their ends.

import { strict as assert } from "node:assert";
import type { DeliveryError, OutgoingRecord, Sink } from "../../src/core/sink.ts";
import { ASKED, failing, failingSink, never, recordAt, setUp } from "../support/deliverer.ts";

describe("runners: deliverer", () => {
  it("gives a sink its record, and the signal that cancels the attempt", async () => {
    const seen: unknown[] = [];
    const { deliverer } = setUp(() => ({
      async deliver(record, { cancel }) {
        seen.push(record, cancel);
      },
    }));
    const cancel = new AbortController().signal;
    const record = recordAt(3);
    assert.deepEqual(await deliverer.deliver([record], never, cancel), { delivered: 1 });
    assert.deepEqual(seen, [record, cancel]);
  });

  it("gives a batch sink all records, and returns how many it delivered", async () => {
    let handed: readonly OutgoingRecord[] = [];
    const { deliverer } = setUp(() => ({
      async deliverBatch(records) {
        handed = records;
        return 2;
      },
    }));
    const records = [recordAt(3), recordAt(4), recordAt(5)];
    assert.deepEqual(await deliverer.deliver(records, never, never), { delivered: 2 });
    assert.deepEqual(handed, records);
  });

  it("gives up at once after a permanent failure", async () => {
    const error = failing("permanent", ASKED);
    const { deliver, pauses, failures } = setUp(failingSink(() => error));
    assert.deepEqual(await deliver(recordAt(3)), { givenUp: error, attempts: 1 });
    assert.deepEqual([pauses, failures], [[], [{ offset: 3, message: "permanent!", attempts: 1, at: 1e6 }]]);
  });

  it("treats an unexpected error as permanent, names it without its message, and keeps it as the cause", async () => {
    const bug = new TypeError("a bug in the sink");
    const outcome = await setUp(failingSink(() => bug)).deliver(recordAt(3));
    assert.ok("givenUp" in outcome);
    const { kind, message, cause } = outcome.givenUp;
    assert.deepEqual([kind, message, cause], ["permanent", "TypeError", bug]);
  });

  it("retries after an answered failure until the receiver accepts, and reports every failure", async () => {
    const { deliver, pauses, failures } = setUp(
      failingSink((attempt) => (attempt < 3 ? failing("answered", ASKED) : undefined)),
    );
    assert.deepEqual(await deliver(recordAt(3)), { delivered: 1 });
    assert.deepEqual(pauses, [ASKED, ASKED]);
    assert.deepEqual(failures, [
      { offset: 3, message: "answered!", attempts: 1, at: 1e6 },
      { offset: 3, message: "answered!", attempts: 2, at: 1e6 + ASKED },
    ]);
  });

  it("waits longer after each failure, and at least as long as the receiver asks", async () => {
    const { deliver, pauses } = setUp(
      failingSink((attempt) => {
        if (attempt <= 9) return failing("answered");
        return attempt === 10 ? failing("answered", ASKED) : undefined;
      }),
      Number.POSITIVE_INFINITY,
    );
    await deliver(recordAt(3));
    const most = [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, ASKED];
    assert.equal(pauses.length, most.length);
    for (const [index, wait] of pauses.entries()) {
      const top = most[index] ?? 0;
      assert.ok(wait >= (top === ASKED ? top : top / 2) && wait <= top, `pause ${index}: ${wait} ms`);
    }
  });

  it("gives up when answered attempts and the waits after them have taken giveUpAfter", async () => {
    const sink = (pass: (ms: number) => void): Sink => ({
      async deliver() {
        pass(1000);
        throw failing("answered", ASKED);
      },
    });
    const exactly = setUp(sink, 2 * ASKED + 3000);
    const outcome = await exactly.deliver(recordAt(3));
    assert.deepEqual("givenUp" in outcome && [outcome.attempts, outcome.givenUp.kind], [3, "answered"]);
    assert.deepEqual(exactly.pauses, [ASKED, ASKED]);
    const longer = await setUp(sink, 2 * ASKED + 3001).deliver(recordAt(3));
    assert.equal("givenUp" in longer && longer.attempts, 4);
  });

  it("does not count the time in which the receiver is away, or the waits after it", async () => {
    let attempts = 0;
    const { deliver, failures } = setUp(
      (pass) => ({
        async deliver() {
          attempts++;
          pass(10_000);
          if (attempts <= 20) throw failing("away", ASKED);
          throw failing("answered", ASKED);
        },
      }),
      ASKED + 500,
    );
    const outcome = await deliver(recordAt(3));
    assert.equal("givenUp" in outcome && outcome.attempts, 22);
    assert.equal(failures.length, 22);
  });

  it("tries again after 30 to 60 seconds while an operator must resolve the cause, and never gives up", async () => {
    const { deliver, pauses } = setUp(
      failingSink((attempt) => (attempt <= 50 ? failing("blocked") : undefined)),
      1000,
    );
    assert.deepEqual(await deliver(recordAt(3)), { delivered: 1 });
    assert.equal(pauses.length, 50);
    for (const wait of pauses) assert.ok(wait >= 30_000 && wait <= 60_000, `${wait} ms`);
  });

  it("tries again within a minute while an operator must resolve the cause, whatever Retry-After says", async () => {
    const { deliver, pauses } = setUp(
      failingSink((attempt) => (attempt <= 10 ? failing("blocked", 3_600_000) : undefined)),
    );
    assert.deepEqual(await deliver(recordAt(3)), { delivered: 1 });
    assert.deepEqual(pauses, Array(10).fill(60_000));
  });

  it("counts an attempt from its turn: the wait for the turn does not count", async () => {
    const { deliver } = setUp(
      (pass) => ({
        async deliver(_, attempt) {
          await attempt.turn("channel", 0.001);
          pass(1000);
          throw failing("answered", ASKED);
        },
      }),
      2 * ASKED + 3000,
    );
    const outcome = await deliver(recordAt(3));
    assert.equal("givenUp" in outcome && outcome.attempts, 3);
  });

  it("delays a channel only for the Retry-After of a receiver that is away", async () => {
    const heldFor = async (error: DeliveryError, turn = true): Promise<number> => {
      const stopping = new AbortController();
      const { deliver, limiter, clock } = setUp((pass) => ({
        async deliver(_, attempt) {
          if (turn) await attempt.turn("channel");
          pass(10);
          // Its own pause ends at once, so only the delay of the channel takes time.
          stopping.abort();
          throw error;
        },
      }));
      await deliver(recordAt(3), stopping.signal).catch(() => {});
      const before = clock.now();
      await limiter.take("channel", 1, never);
      return clock.now() - before;
    };
    assert.equal(await heldFor(failing("away", ASKED)), ASKED);
    assert.equal(await heldFor(failing("away")), 0);
    assert.equal(await heldFor(failing("answered", ASKED)), 0);
    assert.equal(await heldFor(failing("permanent", ASKED)), 0);
    assert.equal(await heldFor(failing("away", ASKED), false), 0);
  });

  it("rethrows the reason when the sink ends because of the stop", async () => {
    const stopping = new AbortController();
    const { deliver, failures } = setUp(
      failingSink(() => {
        stopping.abort(new Error("the partition went away"));
        return stopping.signal.reason;
      }),
    );
    await assert.rejects(deliver(recordAt(3), stopping.signal), /the partition went away/);
    assert.deepEqual(failures, []);
  });

  it("counts an answered failure during the stop, and then ends", async () => {
    const stopping = new AbortController();
    const { deliver, failures } = setUp(
      failingSink(() => {
        stopping.abort(new Error("the partition went away"));
        return failing("answered");
      }),
    );
    await assert.rejects(deliver(recordAt(3), stopping.signal), /the partition went away/);
    assert.equal(failures.length, 1);
  });

  it("begins no attempt after the stop", async () => {
    let attempts = 0;
    const { deliver } = setUp(() => ({
      async deliver() {
        attempts++;
      },
    }));
    await assert.rejects(deliver(recordAt(3), AbortSignal.abort(new Error("stopped"))), /stopped/);
    assert.equal(attempts, 0);
  });

  it("continues the time of a record when its partition returns, and starts at 0 for others", async () => {
    const stopAfter = (attempts: number): AbortSignal => {
      const stopping = new AbortController();
      left = attempts;
      stop = () => stopping.abort(new Error("stopped"));
      return stopping.signal;
    };
    let left = 0;
    let stop = (): void => {};
    const { deliver } = setUp(
      (pass) => ({
        async deliver() {
          pass(1000);
          if (--left === 0) stop();
          throw failing("answered");
        },
      }),
      3000,
    );
    // The pauses are at least 250 ms, so a record whose time starts at 0 has at least two attempts.
    await assert.rejects(deliver(recordAt(3), stopAfter(1)), /stopped/);
    await assert.rejects(deliver(recordAt(3, 1), stopAfter(1)), /stopped/);
    await assert.rejects(deliver(recordAt(3), stopAfter(1)), /stopped/);
    const last = await deliver(recordAt(3));
    assert.equal("givenUp" in last && last.attempts, 1);
    const next = await deliver(recordAt(4));
    assert.ok("givenUp" in next && next.attempts > 1);
    const other = await deliver(recordAt(3, 1));
    assert.ok("givenUp" in other && other.attempts > 1);
  });
});
