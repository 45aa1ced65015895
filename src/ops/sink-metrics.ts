// Metrics of sinks, read from their states when somebody scrapes.

import { Counter, Gauge, type Registry } from "prom-client";
import type { SinkCounts, SinkState } from "../core/sink-state.ts";

const COUNTERS: readonly [name: string, help: string, count: keyof SinkCounts][] = [
  ["onramp_sink_delivered_total", "Records that a sink's receiver took.", "delivered"],
  ["onramp_sink_failed_total", "Attempts to deliver that failed.", "failed"],
  ["onramp_sink_dead_letters_total", "Records that became dead letters.", "deadLettered"],
  ["onramp_sink_skipped_total", "Records that a sink's filter passed over.", "skipped"],
];

export function sinkMetrics(registers: Registry[], states: () => readonly SinkState[]): void {
  for (const [name, help, count] of COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ["sink"],
      registers,
      collect() {
        this.reset();
        for (const state of states()) this.inc({ sink: state.name }, state[count]);
      },
    });
  }
  new Gauge({
    name: "onramp_sink_lag",
    help: "Records that wait for a sink in the partitions that this process reads.",
    labelNames: ["sink", "topic", "partition"],
    registers,
    collect() {
      this.reset();
      for (const { name, partitions } of states())
        for (const { topic, partition, lag = 0 } of partitions)
          this.set({ sink: name, topic, partition: String(partition) }, lag);
    },
  });
}
