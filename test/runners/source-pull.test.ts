// Pulling batches from the generator of a source.

import { strict as assert } from "node:assert";
import type { Batch, Source } from "../../src/core/source.ts";
import { SourceHealth } from "../../src/runners/source-health.ts";
import { SourcePull } from "../../src/runners/source-pull.ts";
import { keepingLog } from "../support/gateway.ts";
import { NO_RECORDS } from "../support/source-run.ts";
import { pause } from "../support/sources.ts";

const NOTHING: Batch<unknown> = { drafts: [], cursor: 1 };

function pullOf(run: Source["run"], more: Partial<Source> = {}, check = async (): Promise<void> => {}) {
  const stop = new AbortController();
  const health = new SourceHealth("s", keepingLog(), Date.now);
  const source: Source = { topics: [], ...more, run };
  return { pull: new SourcePull(source, 7, health, check, stop.signal, NO_RECORDS), stop, health };
}

describe("runners: pulling from a source", () => {
  it("passes the cursor on, and pulls nothing before `next` is called", async () => {
    const steps: unknown[] = [];
    const { pull, stop } = pullOf(async function* (cursor) {
      steps.push(cursor);
      yield NOTHING;
      steps.push("resumed");
      yield NOTHING;
    });
    assert.deepEqual(steps, []);
    await pull.next(stop.signal);
    await new Promise(setImmediate);
    assert.deepEqual(steps, [7]);
    await pull.next(stop.signal);
    assert.deepEqual(steps, [7, "resumed"]);
    await pull.end();
  });

  it("stops waiting at once when `ended` is aborted, even if the generator does not end", async () => {
    const { pull, stop } = pullOf(async function* () {
      await new Promise(() => {});
      yield NOTHING;
    });
    const next = pull.next(stop.signal);
    const reason = new Error("stop");
    stop.abort(reason);
    await assert.rejects(next, reason);
  });

  it("runs the `finally` of the generator when it ends", async () => {
    let ended = false;
    const { pull, stop } = pullOf(async function* (_, signal) {
      try {
        yield NOTHING;
        await pause(60_000, signal);
      } finally {
        ended = true;
      }
    });
    await pull.next(stop.signal);
    await pull.end();
    assert.ok(ended);
  });

  it("ignores reports of a generator that was ended", async () => {
    let report = (_: object): void => {};
    const { pull, stop, health } = pullOf(async function* (_, __, given) {
      report = given;
      yield NOTHING;
    });
    await pull.next(stop.signal);
    report({ lag: 1 });
    await pull.end();
    report({ lag: 2 });
    assert.equal(health.progress.lag, 1);
  });

  it("checks the ownership while the source is silent, and throws the error of the check", async () => {
    let checks = 0;
    const { pull, stop } = pullOf(
      async function* (_, signal, report) {
        while (!signal.aborted) {
          report();
          await pause(20, signal);
        }
        yield NOTHING;
      },
      { maxSilenceMs: 100 },
      async () => {
        if (++checks === 3) throw new Error("fenced");
      },
    );
    await assert.rejects(pull.next(stop.signal), /fenced/);
    await pull.end();
  });
});
