// Provides the metrics of sinks from their states.

import type { MetricSource } from "../core/ports.ts";
import type { SinkCounts, SinkState } from "../core/sink-state.ts";
import { counterMetrics } from "./counter-metrics.ts";

const COUNTERS: readonly [name: string, help: string, count: keyof SinkCounts][] = [
  ["onramp_sink_delivered_total", "Records that a sink's receiver accepted.", "delivered"],
  ["onramp_sink_failed_total", "Attempts to deliver that failed.", "failed"],
  ["onramp_sink_dead_letters_total", "Records that became dead letters.", "deadLettered"],
  ["onramp_sink_skipped_total", "Records that a sink's filter skipped.", "skipped"],
];

/** Returns the metrics of all sinks. @param states returns the current states; called per metric and scrape */
export function sinkMetrics(states: () => readonly SinkState[]): MetricSource[] {
  const lag: MetricSource = {
    name: "onramp_sink_lag",
    help: "Records that wait for a sink in the partitions that this process reads. Absent while it is not known.",
    type: "gauge",
    labels: ["sink", "topic", "partition"],
    read: () =>
      states().flatMap(({ name, partitions }) =>
        partitions.flatMap(({ topic, partition, lag: value }) =>
          value === null ? [] : [{ labels: { sink: name, topic, partition: String(partition) }, value }],
        ),
      ),
  };
  const blocked: MetricSource = {
    name: "onramp_sink_partitions_blocked",
    help: "Partitions that make no progress: they cannot be read or committed, only an operator can resolve why their record is not delivered, or their record has been retried for more than five seconds.",
    type: "gauge",
    labels: ["sink"],
    read: () => states().map(({ name, blocked: value }) => ({ labels: { sink: name }, value })),
  };
  return [...counterMetrics("sink", COUNTERS, states), lag, blocked];
}
