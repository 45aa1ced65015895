// The limits of an API.

import { strict as assert } from "node:assert";
import { PacedCalls } from "../../../src/sources/parts/paced-calls.ts";
import { areSpends, Quota } from "../../../src/sources/parts/quota.ts";
import { sharedObjects, testContext } from "../../support/source-run.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("sources: quota", () => {
  it("allows the calls of a day in any 24 hours, and names the wait for the next one", () => {
    const quota = new Quota();
    quota.restrict({ callsPerDay: 2 });
    assert.equal(quota.reserve("a", 0, 0), 0);
    assert.equal(quota.reserve("b", 0, HOUR), 0);
    const wait = quota.reserve("a", 0, 2 * HOUR);
    assert.ok(wait >= 22 * HOUR && wait <= 22 * HOUR + 60_000, String(wait));
    assert.equal(quota.reserve("a", 0, 2 * HOUR + wait), 0);
  });

  it("counts items as reserved until the call is settled", () => {
    const quota = new Quota();
    quota.restrict({ itemsPerDay: 150 });
    assert.equal(quota.reserve("a", 100, 0), 0);
    assert.ok(quota.reserve("b", 100, 0) > 0);
    quota.settle("a", 30, 0);
    assert.deepEqual(quota.remaining(0), { calls: undefined, items: 120 });
    assert.equal(quota.reserve("b", 100, 0), 0);
  });

  it("applies the smallest of several limits, per day and per month", () => {
    const quota = new Quota();
    quota.restrict({ callsPerDay: 10, callsPerMonth: 3 });
    quota.restrict({ callsPerDay: 2 });
    assert.equal(quota.remaining(0).calls, 2);
    for (const day of [0, 1, 2]) assert.equal(quota.reserve("a", 0, day * 2 * DAY), 0);
    assert.ok(quota.reserve("a", 0, 6 * DAY) > 20 * DAY);
  });

  it("spaces calls by the limit per second, also of several sources", () => {
    const quota = new Quota();
    quota.restrict({ callsPerSecond: 0.5 });
    assert.deepEqual([quota.takeTurn(0), quota.takeTurn(0), quota.takeTurn(5000)], [0, 2000, 0]);
    assert.deepEqual([quota.startCall(300), quota.startCall(2005)], [0, 295]);
  });

  it("does not wait for a turn that was computed before the clock was set back", () => {
    const quota = new Quota();
    quota.restrict({ callsPerSecond: 1 });
    quota.takeTurn(3_600_000);
    quota.startCall(3_600_000);
    assert.deepEqual([quota.takeTurn(0), quota.startCall(0)], [0, 0]);
  });

  it("stores a bounded number of calls, and never forgets one too early", () => {
    const quota = new Quota();
    quota.restrict({ callsPerMonth: 1_000_000 });
    let now = 0;
    for (let call = 0; call < 4000; call++) {
      assert.equal(quota.reserve("a", 0, now), 0);
      now += 10 * 60_000;
    }
    const stored = quota.stored("a", now) ?? [];
    assert.ok(stored.length < 250, `${stored.length} entries`);
    assert.ok(areSpends(stored));
    assert.equal(
      stored.reduce((sum, [, calls]) => sum + calls, 0),
      4000,
    );
  });

  it("loads the calls of other sources of the quota, but not of one that runs here", () => {
    const shared = sharedObjects();
    const context = (name: string) => testContext({ name, now: () => 0, shared });
    const a = new PacedCalls(context("a"), { callsPerDay: 10 }, "key");
    const b = new PacedCalls(context("b"), {}, "key");
    const end = b.start(undefined);
    const remaining = () => {
      let left: number | undefined;
      a.settle(0, (progress) => {
        left = progress?.quotaRemaining;
      });
      return left;
    };
    const quota = [[0, 4, 0]];
    a.load(
      new Map<string, unknown>([
        ["a", { quotaName: "key", quota: [[0, 1, 0]] }],
        ["b", { quotaName: "key", quota }],
        ["removed", { quotaName: "key", quota }],
        ["other", { quotaName: "another", quota }],
        ["clock", { number: 1 }],
      ]),
    );
    assert.equal(remaining(), 5);
    end();
    a.load(new Map([["b", { quotaName: "key", quota }]]));
    assert.equal(remaining(), 1);
  });

  it("requires itemsPerCall for a limit of items", () => {
    assert.throws(
      () => new PacedCalls(testContext(), { itemsPerDay: 10 }, undefined),
      /requires itemsPerCall/,
    );
    assert.throws(
      () => new PacedCalls(testContext(), { itemsPerDay: 10, itemsPerCall: 20 }, undefined),
      /must be at least itemsPerCall/,
    );
  });
});
