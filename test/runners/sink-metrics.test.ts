// The metrics of sinks.

import { strict as assert } from "node:assert";
import type { SinkState } from "../../src/core/sink-state.ts";
import { sinkMetrics } from "../../src/runners/sink-metrics.ts";

describe("runners: sink metrics", () => {
  const state = (name: string, first: number, partitions: SinkState["partitions"] = []): SinkState => ({
    name,
    type: "webhook",
    state: "running",
    delivered: first,
    failed: first + 1,
    deadLettered: first + 2,
    skipped: first + 3,
    lag: 0,
    blocked: first + 4,
    partitions,
    lastError: null,
  });
  const read = (states: readonly SinkState[]) =>
    sinkMetrics(() => states).map(({ name, type, labels, read }) => ({
      name,
      type,
      labels,
      values: [...read()].map(({ labels: by, value }) => [...Object.values(by), value]),
    }));

  it("are counters by sink, the lag by partition where it is known, and the blocked partitions by sink", () => {
    const partitions = [
      { topic: "t", partition: 0, position: 5, lag: 7 },
      { topic: "u", partition: 12, position: 0, lag: null, error: "no leader" },
    ];
    const counter = (what: string, ...values: unknown[]) => ({
      name: `onramp_sink_${what}_total`,
      type: "counter",
      labels: ["sink"],
      values,
    });
    assert.deepEqual(read([state("a", 10, partitions), state("b", 20)]), [
      counter("delivered", ["a", 10], ["b", 20]),
      counter("failed", ["a", 11], ["b", 21]),
      counter("dead_letters", ["a", 12], ["b", 22]),
      counter("skipped", ["a", 13], ["b", 23]),
      {
        name: "onramp_sink_lag",
        type: "gauge",
        labels: ["sink", "topic", "partition"],
        values: [["a", "t", "0", 7]],
      },
      {
        name: "onramp_sink_partitions_blocked",
        type: "gauge",
        labels: ["sink"],
        values: [
          ["a", 14],
          ["b", 24],
        ],
      },
    ]);
  });

  it("have the labels that they declare", () => {
    const partitions = [{ topic: "t", partition: 0, position: 5, lag: 7 }];
    for (const { labels, read: values } of sinkMetrics(() => [state("a", 0, partitions)]))
      for (const value of values()) assert.deepEqual(Object.keys(value.labels), labels);
  });

  it("read the state at each scrape", () => {
    const states: SinkState[] = [];
    const [delivered] = sinkMetrics(() => states);
    assert.deepEqual([...(delivered?.read() ?? [])], []);
    states.push(state("a", 1));
    assert.equal([...(delivered?.read() ?? [])].length, 1);
  });
});
