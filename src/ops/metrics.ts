// The Prometheus metrics. Counters of the hot path are plain numbers; each scrape converts them to samples.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { asOnrampError, OnrampError } from "../core/errors.ts";
import type { Meter, MetricSource } from "../core/ports.ts";
import type { Receipts } from "../core/record.ts";

/** All metrics of the process. */
export interface Metrics extends Meter {
  /** Called once per batch of one partition that is sent to Kafka. */
  countBatch(records: number): void;
  /** Called when a broker does not know records that it has acknowledged. */
  countSuspectedLoss(): void;
  /** Adds the metrics of a part. Called once per part, at the start. */
  register(sources: readonly MetricSource[]): void;
  /** @returns all metrics in the exposition format, and the content type */
  scrape(): Promise<{ contentType: string; body: string }>;
}

/**
 * Creates the metrics in a new registry.
 *
 * @param isKnown whether a topic exists. Clients can invent names, so unknown names are not used as labels
 */
export function createMetrics(isKnown: (topic: string) => boolean): Metrics {
  const registry = new Registry();
  const registers = [registry];
  // With the default of 10 ms, the measurement alone uses almost one percent of a core in an idle process.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const counted = new WeakSet<OnrampError>();
  const received = new Map<string, number>();
  const produced = new Map<string, number>();
  const rejected = new Map<string, number>();
  const counter = (name: string, help: string, label: string, counts: Map<string, number>): Counter<string> =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of counts) this.inc({ [label]: value }, count);
      },
    });
  counter(
    "onramp_received_total",
    'Records received, by topic; the label of unknown topics is "".',
    "topic",
    received,
  );
  counter("onramp_produced_total", "Records acknowledged by Kafka, by topic.", "topic", produced);
  counter(
    "onramp_rejected_total",
    "Records that were refused or not acknowledged, by error code.",
    "code",
    rejected,
  );
  const seconds = new Histogram({
    name: "onramp_append_seconds",
    help: "Seconds from a parsed request to the outcome of its last record.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const batches = new Histogram({
    name: "onramp_batch_records",
    help: "Records per batch sent to Kafka.",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000],
    registers,
  });
  const losses = new Counter({
    name: "onramp_suspected_loss_total",
    help: "Number of times that a broker did not know records that it had acknowledged.",
    registers,
  });
  const add = (counts: Map<string, number>, label: string, count: number): void =>
    void counts.set(label, (counts.get(label) ?? 0) + count);
  return {
    countAppended(topic, receipts: Receipts, elapsed) {
      seconds.observe(elapsed);
      add(received, topic, receipts.count);
      let failed = 0;
      for (const error of receipts.errors ?? []) {
        if (!error) continue;
        failed++;
        counted.add(error);
        add(rejected, String(error.code), 1);
      }
      add(produced, topic, receipts.count - failed);
    },
    countRefused(topic, thrown, records) {
      const error = asOnrampError(thrown);
      // `core/ingest.ts` counts an error with its records, and `http/` reports the same error when it
      // responds.
      if (counted.has(error) || (error.cause instanceof OnrampError && counted.has(error.cause))) return;
      counted.add(error);
      add(received, isKnown(topic) ? topic : "", records);
      add(rejected, String(error.code), records);
    },
    countBatch: (records) => batches.observe(records),
    countSuspectedLoss: () => losses.inc(),
    register(sources) {
      for (const source of sources) registerSource(source, registers);
    },
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function registerSource({ name, help, type, labels, read }: MetricSource, registers: Registry[]): void {
  const options = { name, help, labelNames: [...labels], registers };
  if (type === "gauge") {
    new Gauge({
      ...options,
      collect() {
        this.reset();
        for (const { labels: values, value } of read()) this.set(values, value);
      },
    });
  } else {
    new Counter({
      ...options,
      collect() {
        this.reset();
        for (const { labels: values, value } of read()) this.inc(values, value);
      },
    });
  }
}
