// The memory of all readers: which shares wait, continue and release.

import { strict as assert } from "node:assert";
import { type Evictable, ReadBudget } from "../../../src/kafka/consume/read-budget.ts";

const never = new AbortController().signal;
const settled = (work: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    work.then(() => true),
    new Promise<false>((resolve) => setTimeout(() => resolve(false), 20)),
  ]);

describe("kafka: read budget", () => {
  const shareOf = (budget: ReadBudget) => budget.share(() => {});

  it("counts what is used, and lets a batch wait until it fits", async () => {
    const budget = new ReadBudget(100, 1000);
    const [one, two] = [shareOf(budget), shareOf(budget)];
    await one.reserveBatch(60, never);
    await two.reserveBatch(30, never);
    const waiting = two.reserveBatch(20, never);
    assert.equal(await settled(waiting), false);
    one.release(60, "batch");
    assert.equal(await settled(waiting), true);
    assert.equal(budget.used, 50);
  });

  it("a share always gets one batch, so that another one cannot stop it", async () => {
    const budget = new ReadBudget(100, 1000);
    await shareOf(budget).reserveBatch(100, never);
    assert.equal(await settled(shareOf(budget).reserveBatch(90, never)), true);
  });

  it("at most one batch larger than the budget is held at a time", async () => {
    const budget = new ReadBudget(100, 1000);
    const [one, two] = [shareOf(budget), shareOf(budget)];
    await one.reserveBatch(500, never);
    const waiting = two.reserveBatch(400, never);
    assert.equal(await settled(waiting), false);
    one.release(500, "batch");
    assert.equal(await settled(waiting), true);
  });

  it("a share may fetch a little even when the budget is used up", () => {
    const budget = new ReadBudget(160, 1000);
    const [one, two] = [shareOf(budget), shareOf(budget)];
    one.add(160, "fetched");
    assert.deepEqual([one.mayFetch, two.mayFetch], [false, true]);
    two.add(10, "records");
    assert.equal(two.mayFetch, false);
  });

  it("a wait ends with the reason of the signal", async () => {
    const budget = new ReadBudget(100, 1000);
    const share = shareOf(budget);
    await share.reserveBatch(100, never);
    const stopping = new AbortController();
    const waiting = share.reserveBatch(100, stopping.signal);
    stopping.abort(new Error("revoked"));
    await assert.rejects(waiting, /revoked/);
    share.release(100, "batch");
    assert.equal(budget.used, 0);
  });

  it("readers release the batches that they have held for long while others wait, the oldest first", async () => {
    const budget = new ReadBudget(100, 1000);
    const share = shareOf(budget);
    const evicted: string[] = [];
    const holder = (name: string, heldForMs: number | undefined): Evictable => {
      const heldSince = heldForMs === undefined ? undefined : Date.now() - heldForMs;
      const evict = (): void => {
        evicted.push(name);
        share.release(40, "batch");
      };
      share.add(40, "batch");
      return { heldSince, heldBytes: 40, evict };
    };
    for (const each of [
      holder("new", 0),
      holder("decoding", undefined),
      holder("old", 2000),
      holder("older", 3000),
    ])
      budget.holders.add(each);
    await share.reserveBatch(10, never);
    assert.deepEqual(evicted, ["older", "old"]);
  });

  it("calls onReleased of every open share when bytes are released", () => {
    const budget = new ReadBudget(100, 1000);
    let calls = 0;
    budget.share(() => calls++);
    const other = budget.share(() => calls++);
    other.add(10, "fetched");
    other.release(10, "fetched");
    assert.equal(calls, 2);
    other.close();
    other.add(10, "fetched");
    other.release(10, "fetched");
    assert.equal(calls, 3);
  });
});
