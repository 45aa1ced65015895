// The records of a sink runner: delivered, skipped, or written as dead letters.

import { strict as assert } from "node:assert";
import { compileExpression, type Expression } from "../../src/core/expressions.ts";
import type { ConsumedRecord } from "../../src/core/ports.ts";
import { DeliveryError, type OutgoingRecord, type Sink } from "../../src/core/sink.ts";
import { RateLimiter } from "../../src/runners/rate-limiter.ts";
import { SinkRunner } from "../../src/runners/sink-runner.ts";
import { keepingLog } from "../support/gateway.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";

const never = new AbortController().signal;
const record = (offset: number, value: string | null): ConsumedRecord => ({
  topic: "t",
  partition: 7,
  offset,
  timestamp: 99,
  key: Buffer.from("k"),
  value: value === null ? null : Buffer.from(value),
  headers: [{ key: "h", value: Buffer.from("v") }],
});
const records = (...values: (string | null)[]): ConsumedRecord[] =>
  values.map((value, index) => record(index, value));

/** A runner with the sink, and the records that it delivered or dead-lettered. */
function setUp(filter: string | Expression | undefined, sink: Sink) {
  const clock = hurryingClock();
  const log = keepingLog();
  const letters: unknown[] = [];
  const deadLetter = async (letter: ConsumedRecord, reason: string, attempts: number): Promise<void> =>
    void letters.push([letter.offset, reason, attempts]);
  const expression = typeof filter === "string" ? compileExpression(filter) : filter;
  const runner = new SinkRunner(
    { name: "out", type: "test", filter: expression, giveUpAfterMs: 60_000 },
    { sink, deadLetter, clock, limiter: new RateLimiter(clock), log },
  );
  const handle = (...values: (string | null)[]) => runner.handle(records(...values), never, never);
  return { runner, handle, letters, log, clock };
}

/** A sink that stores the offset of each record that it delivers. */
function single(deliver: (record: OutgoingRecord) => void = () => {}) {
  const delivered: number[] = [];
  const sink: Sink = {
    async deliver(out) {
      deliver(out);
      delivered.push(out.offset);
    },
  };
  return { sink, delivered };
}

/** A sink that delivers up to `most` records as one message, and stores their offsets. */
function batching(most = Number.POSITIVE_INFINITY) {
  const offered: number[][] = [];
  const sink: Sink = {
    async deliverBatch(some) {
      offered.push(some.map(({ offset }) => offset));
      return Math.min(most, some.length);
    },
  };
  return { sink, offered };
}

describe("runners: records of a sink", () => {
  it("are delivered one by one, each with its parsed value", async () => {
    const seen: unknown[] = [];
    const { sink, delivered } = single(({ parsed }) => void seen.push(parsed));
    const { runner, handle } = setUp(undefined, sink);
    assert.equal(await handle('{"n":1}', '{"n":2}'), 1);
    assert.deepEqual([delivered, seen], [[0], [{ n: 1 }]]);
    assert.deepEqual(runner.counts, { delivered: 1, failed: 0, deadLettered: 0, skipped: 0 });
  });

  it("are skipped up to the first one that passes the filter", async () => {
    const { sink, delivered } = single();
    const { runner, handle } = setUp("n > 1", sink);
    assert.equal(await handle('{"n":0}', '{"n":1}', '{"n":2}', '{"n":3}'), 2);
    assert.deepEqual([delivered, runner.counts.skipped], [[], 2]);
    assert.equal(await handle('{"n":2}', '{"n":0}'), 1);
    assert.deepEqual([delivered, runner.counts.skipped, runner.counts.delivered], [[0], 2, 1]);
  });

  it("are all skipped if the filter is true for none; a truthy value does not count as true", async () => {
    const { sink, delivered } = single();
    const { runner, handle } = setUp("$", sink);
    assert.equal(await handle("1", '"yes"', "{}", null), 4);
    assert.deepEqual([delivered, runner.counts.skipped], [[], 4]);
    assert.equal(await handle("true"), 1);
    assert.deepEqual(delivered, [0]);
  });

  it("are not filtered before it is their turn", async () => {
    let looked = 0;
    const matches = async (): Promise<boolean> => ++looked > 0;
    const { handle } = setUp({ ...compileExpression("x"), matches }, single().sink);
    assert.equal(await handle("1", "2", "3"), 1);
    assert.equal(looked, 1);
  });

  it("give the filter their topic, position, key, timestamp and headers", async () => {
    const { sink, delivered } = single();
    const all = "$topic='t' and $partition=7 and $offset=0 and $timestamp=99 and $key='k' and $headers.h='v'";
    await setUp(`${all} and id=5`, sink).handle('{"id":5}');
    assert.deepEqual(delivered, [0]);
  });

  it("become dead letters without an attempt if the filter fails on them", async () => {
    const { sink, delivered } = single();
    const { runner, handle, letters } = setUp("$number(id) = 1", sink);
    assert.equal(await handle('{"id":"x"}', '{"id":1}'), 1);
    assert.equal(letters.length, 1);
    assert.match(String(letters), /^0,filter: the expression failed: .+,0$/);
    assert.deepEqual(
      [delivered, runner.counts],
      [[], { delivered: 0, failed: 0, deadLettered: 1, skipped: 0 }],
    );
  });

  it("are not handled if the filter fails with an unexpected error", async () => {
    const matches = async (): Promise<never> => {
      throw new RangeError("out of memory");
    };
    const { handle, letters } = setUp({ ...compileExpression("x"), matches }, single().sink);
    await assert.rejects(handle("{}"), RangeError);
    assert.deepEqual(letters, []);
  });

  it("are given to a batch sink without those that the filter skips, which count as handled", async () => {
    const { sink, offered } = batching();
    const { runner, handle } = setUp("n > 0", sink);
    assert.equal(await handle('{"n":1}', '{"n":0}', '{"n":2}', '{"n":0}', '{"n":0}'), 5);
    assert.deepEqual(offered, [[0, 2]]);
    assert.deepEqual(runner.counts, { delivered: 2, failed: 0, deadLettered: 0, skipped: 3 });
  });

  it("are delivered later if a batch sink delivered only the first of them", async () => {
    const { sink, offered } = batching(2);
    const { runner, handle } = setUp("n > 0", sink);
    assert.equal(await handle('{"n":1}', '{"n":0}', '{"n":2}', '{"n":0}', '{"n":3}'), 4);
    assert.deepEqual(offered, [[0, 2, 4]]);
    assert.deepEqual([runner.counts.delivered, runner.counts.skipped], [2, 2]);
  });

  it("end a batch before the record on which the filter fails", async () => {
    const { sink, offered } = batching();
    const { runner, handle, letters } = setUp("$number(id) > 0", sink);
    assert.equal(await handle('{"id":1}', '{"id":0}', '{"id":"x"}', '{"id":1}'), 2);
    assert.deepEqual([offered, letters, runner.counts.skipped], [[[0]], [], 1]);
    assert.equal(await handle('{"id":"x"}', '{"id":1}'), 1);
    assert.equal(letters.length, 1);
  });

  it("become dead letters with the receiver's reason when they are given up", async () => {
    const { sink } = single(() => {
      throw new DeliveryError("permanent", "the receiver answers 400");
    });
    const { runner, handle, letters, log, clock } = setUp(undefined, sink);
    assert.equal(await handle("{}", "{}"), 1);
    assert.deepEqual(letters, [[0, "the receiver answers 400", 1]]);
    assert.deepEqual(runner.counts, { delivered: 0, failed: 1, deadLettered: 1, skipped: 0 });
    const { lastError } = runner.state;
    assert.deepEqual(lastError, {
      at: new Date(clock.now()).toISOString(),
      message: "the receiver answers 400",
    });
    const place = { sink: "out", topic: "t", partition: 7, offset: 0 };
    const fields = { ...place, attempts: 1, reason: "the receiver answers 400" };
    assert.deepEqual(log.lines, [
      { level: "debug", fields, event: "delivery failed" },
      { level: "warn", fields, event: "record became a dead letter" },
    ]);
  });

  it("of a failed batch become dead letters one by one; skipped ones after it are handled", async () => {
    const sink: Sink = {
      async deliverBatch() {
        throw new DeliveryError("permanent", "no");
      },
    };
    const { runner, handle, letters } = setUp("n > 0", sink);
    assert.equal(await handle('{"n":1}', '{"n":0}', '{"n":2}'), 2);
    assert.deepEqual([letters, runner.counts.skipped], [[[0, "no", 1]], 1]);
  });
});
