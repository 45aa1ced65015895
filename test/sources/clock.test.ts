// The source `clock`.

import { strict as assert } from "node:assert";
import { compileExpression } from "../../src/core/expressions.ts";
import type { Batch } from "../../src/core/source.ts";
import { clock } from "../../src/sources/clock.ts";
import { sourceContract } from "../contract/source.ts";
import { keepingLog } from "../support/gateway.ts";
import { NO_RECORDS } from "../support/source-run.ts";

sourceContract("clock", {
  options: (topic) => ({ type: "clock", interval: "50ms", topic }),
  numberIn: ({ value }) => JSON.parse(value?.toString() ?? "").number,
});

describe("sources: clock", () => {
  /** A clock on a time that the test sets; a sleep ends at once, at its time. */
  function start(options: object = {}, cursor?: { number: number; time: number }) {
    const time = { now: 1_000_500 };
    const signal = new AbortController().signal;
    const source = clock.create(
      { topic: "t", interval: "1s", missed: "all", ...options },
      {
        name: "tick",
        compile: (_, source) => compileExpression(source),
        now: () => time.now,
        sleep: async (ms) => {
          time.now += ms;
        },
        shared: (_, create) => create(),
        namespace: "onramp",
        folder: ".",
        log: keepingLog(),
      },
    );
    const batches = source.run(cursor, signal, () => {}, NO_RECORDS)[Symbol.asyncIterator]();
    let isFirst = cursor === undefined;
    const next = async (): Promise<Batch<{ number: number; time: number }>> => {
      const { value: batch } = await batches.next();
      if (!isFirst) return batch;
      // The start is committed before the first tick.
      isFirst = false;
      assert.deepEqual(batch, { drafts: [], cursor: { number: 0, time: 1_000_000 } });
      return next();
    };
    const values = ({ drafts }: Batch<unknown>) => drafts.map(({ value }) => JSON.parse(String(value)));
    return { time, next, values };
  }

  it("ticks at multiples of its interval, with the time of the tick as timestamp", async () => {
    const { next, values } = start();
    const first = await next();
    assert.deepEqual(values(first), [{ number: 1, time: new Date(1_001_000).toISOString() }]);
    assert.deepEqual([first.drafts[0]?.timestamp, first.cursor], [1_001_000, { number: 1, time: 1_001_000 }]);
    assert.deepEqual((await next()).cursor, { number: 2, time: 1_002_000 });
  });

  it("writes missed ticks afterwards, a thousand per batch", async () => {
    const { next, time } = start({}, { number: 10, time: 1_000_000 });
    time.now = 1_000_000 + 2_500_400;
    const [first, second, third, fourth] = [await next(), await next(), await next(), await next()];
    assert.deepEqual(
      [first, second, third, fourth].map(({ drafts }) => drafts.length),
      [1000, 1000, 500, 1],
    );
    assert.deepEqual(third.cursor, { number: 2510, time: 3_500_000 });
  });

  it("skips missed ticks except the last one, and counts them", async () => {
    const { next, time, values } = start({ missed: "skip" }, { number: 10, time: 1_000_000 });
    time.now = 1_000_000 + 5_400;
    assert.deepEqual(values(await next()), [{ number: 15, time: new Date(1_005_000).toISOString() }]);
    assert.deepEqual((await next()).cursor, { number: 16, time: 1_006_000 });
  });

  it("waits when the clock is set back", async () => {
    const { next, time } = start({}, { number: 1, time: 1_000_000 });
    time.now = 900_000;
    assert.deepEqual((await next()).cursor, { number: 2, time: 1_001_000 });
  });

  it("computes the value with JSONata, and is blocked when it gives none", async () => {
    const { next, values } = start({ value: '{"n": number, "t": $timestamp, "to": $topic}' });
    assert.deepEqual(values(await next()), [{ n: 1, t: 1_001_000, to: "t" }]);
    await assert.rejects(
      start({ value: "nothing" }).next(),
      /value: the expression returned nothing for tick 1/,
    );
  });

  it("is blocked by a cursor that has the wrong format", async () => {
    for (const cursor of [
      0,
      false,
      "",
      null,
      7,
      "x",
      { number: "a", time: 1 },
      { number: 1 },
      { number: 1, time: 1e300 },
    ])
      await assert.rejects(start({}, cursor as never).next(), /The cursor of source "tick".*--from-start/);
  });

  it("refuses an interval of less than a millisecond", () => {
    assert.throws(() => start({ interval: "0ms" }), /at least 1ms/);
  });
});
