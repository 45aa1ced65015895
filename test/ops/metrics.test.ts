// The counters of records.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { Receipts } from "../../src/core/record.ts";
import { createMetrics } from "../../src/ops/metrics.ts";

/** The samples of Onramp's counters, by series. */
async function samples({ scrape }: ReturnType<typeof createMetrics>): Promise<Record<string, number>> {
  const { body } = await scrape();
  const lines = body.split("\n").filter((line) => /^onramp_\w+(_total|_count|_sum)\b/.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
}

describe("ops: metrics of records", () => {
  it("count received and acknowledged records by topic, and failures by code", async () => {
    const metrics = createMetrics(() => true);
    const some = new Receipts(3);
    some.fail(1, new OnrampError(50401, "unknown"));
    metrics.countAppended("a", some, 0.5);
    metrics.countAppended("a", new Receipts(2), 0.25);
    metrics.countAppended("b", new Receipts(1), 0.25);
    const found = await samples(metrics);
    assert.deepEqual(
      [found['onramp_produced_total{topic="a"}'], found['onramp_produced_total{topic="b"}']],
      [4, 1],
    );
    assert.deepEqual(
      [found['onramp_received_total{topic="a"}'], found['onramp_received_total{topic="b"}']],
      [5, 1],
    );
    assert.equal(found['onramp_rejected_total{code="50401"}'], 1);
    assert.deepEqual([found["onramp_append_seconds_count"], found["onramp_append_seconds_sum"]], [3, 1]);
  });

  it("count a refused request once, however often it is reported, and not as acknowledged", async () => {
    const metrics = createMetrics((topic) => topic === "known");
    const error = new OnrampError(40001, "bad");
    metrics.countRefused("known", error, 3);
    metrics.countRefused("", error, 1);
    metrics.countRefused("invented", new OnrampError(40401, "none"), 2);
    const found = await samples(metrics);
    assert.equal(found['onramp_produced_total{topic="known"}'], undefined);
    assert.equal(found['onramp_received_total{topic="known"}'], 3);
    assert.equal(found['onramp_received_total{topic=""}'], 2);
    assert.deepEqual(
      [found['onramp_rejected_total{code="40001"}'], found['onramp_rejected_total{code="40401"}']],
      [3, 2],
    );
  });

  it("count batches with their records, and suspected losses", async () => {
    const metrics = createMetrics(() => true);
    metrics.countBatch(3);
    metrics.countBatch(4);
    metrics.countSuspectedLoss();
    const found = await samples(metrics);
    assert.deepEqual([found["onramp_batch_records_count"], found["onramp_batch_records_sum"]], [2, 7]);
    assert.equal(found["onramp_suspected_loss_total"], 1);
  });
});
