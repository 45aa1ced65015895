// Delivering once more, beside the running gateway: dead letters to the sinks that gave them up, or a stretch of a
// sink's topics.

import { once } from "node:events";
import { planOf } from "../config/compile.ts";
import type { Config } from "../config/types.ts";
import { systemClock } from "../core/clock.ts";
import { deadLetterTopic, readCertificate } from "../core/dead-letter.ts";
import { createIngest } from "../core/ingest.ts";
import type { Log, RecordHandler } from "../core/ports.ts";
import type { SinkCounts } from "../core/sink-state.ts";
import { Cluster } from "../kafka/client/cluster.ts";
import { EARLIEST, LATEST, offsetAt } from "../kafka/client/list-offsets.ts";
import { TopicMetadata } from "../kafka/client/metadata.ts";
import { Consumer } from "../kafka/consume/consumer.ts";
import { readThrough, type Stretch } from "../kafka/consume/read-range.ts";
import { Producer } from "../kafka/produce/producer.ts";
import { slowExpressions } from "../ops/slow-expressions.ts";
import { Turns } from "../runners/rate-limiter.ts";
import type { SinkRunner } from "../runners/sink-runner.ts";
import { kafkaOptions } from "./kafka-options.ts";
import { type DeliveryDeps, runnerOf } from "./sinks.ts";

const RESOLVE_MS = 10_000;
const LOOK_MS = 50;
const LANE_BYTES = 32 * 1024 * 1024;

/** A replay that can't go on; the message is for the operator. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** What a replay did. */
export interface ReplayReport extends SinkCounts {
  /** Dead letters that no configured sink gave up: of webhooks, or of sinks that are gone. */
  leftAlone: number;
  /** The sinks that are gone. */
  readonly gone: Set<string>;
  /** True when it was stopped before its end. */
  interrupted: boolean;
}

interface Tools {
  readonly deps: DeliveryDeps;
  /** @throws ReplayError for a sink that is not configured */
  runner(sink: string): SinkRunner;
}

/**
 * Gives the dead letters of a topic that are there now to the sinks that gave them up.
 *
 * @param topic the original's name
 * @throws ReplayError
 */
export function replayDeadLetters(
  config: Config,
  topic: string,
  log: Log,
  signal: AbortSignal,
): Promise<ReplayReport> {
  return withTools(config, log, async ({ deps, runner }, report) => {
    const source = deadLetterTopic(topic);
    const ends = new Map(
      (await stretchesOf(deps, source, EARLIEST, LATEST)).map(({ partition, to }) => [partition, to]),
    );
    const group = `${config.kafka.namespace}-dead-letter-${topic}`;
    const consumer = new Consumer(deps, { group, topics: [source], from: "earliest" });
    const done = new AbortController();
    const look = setInterval(() => {
      const { positions } = consumer;
      const through = positions.every(({ partition, position }) => position >= (ends.get(partition) ?? 0));
      if (positions.length === ends.size && through) done.abort();
    }, LOOK_MS);
    const handler: RecordHandler = async ([record], ending, given) => {
      if (!record) return 0;
      // Buried meanwhile, perhaps by us: not of this run.
      if (record.offset >= (ends.get(record.partition) ?? 0)) {
        if (!ending.aborted) await once(ending, "abort");
        throw ending.reason;
      }
      const {
        sink,
        own,
        topic: of = topic,
        partition = -1,
        offset = -1,
        timestamp = record.timestamp,
      } = readCertificate(record.headers);
      if (sink === undefined || !(sink in config.sinks)) {
        report.leftAlone++;
        if (sink !== undefined) report.gone.add(sink);
        return 1;
      }
      return runner(sink).handle(
        [{ ...record, topic: of, partition, offset, timestamp, headers: own }],
        ending,
        given,
      );
    };
    await consumer.run(handler, AbortSignal.any([signal, done.signal]));
    clearInterval(look);
    report.interrupted = !done.signal.aborted;
  });
}

/**
 * Delivers what a sink's topics hold from one time to another; offsets of the running sink stay.
 *
 * @param to milliseconds since 1970; undefined: up to what is there now
 * @throws ReplayError
 */
export function replaySink(
  config: Config,
  sink: string,
  { from, to }: { readonly from: number; readonly to: number | undefined },
  log: Log,
  signal: AbortSignal,
): Promise<ReplayReport> {
  return withTools(config, log, async ({ deps, runner }, report) => {
    const running = runner(sink);
    const { topics } = config.sinks[sink] ?? { topics: [] };
    const stretches = (
      await Promise.all(topics.map((topic) => stretchesOf(deps, topic, from, to ?? LATEST)))
    ).flat();
    try {
      await readThrough(deps, stretches, running.handle, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      report.interrupted = true;
    }
  });
}

async function stretchesOf(deps: DeliveryDeps, topic: string, from: number, to: number): Promise<Stretch[]> {
  const { partitions } = await deps.metadata.resolve(topic, Date.now() + RESOLVE_MS);
  return Promise.all(
    partitions.map(async (_, partition) => ({
      topic,
      partition,
      from: await offsetAt(deps, { topic, partition }, from),
      to: await offsetAt(deps, { topic, partition }, to),
    })),
  );
}

async function withTools(
  config: Config,
  log: Log,
  work: (tools: Tools, report: ReplayReport) => Promise<void>,
): Promise<ReplayReport> {
  const plan = planOf(config, { onSlow: slowExpressions(log) });
  if (config.kafka.brokers.length === 0)
    throw new ReplayError(
      "No Kafka broker is configured. Set kafka.brokers in the configuration or KAFKA_BROKERS=host:port.",
    );
  const cluster = new Cluster(kafkaOptions(config, config.kafka.brokers), log);
  const metadata = new TopicMetadata(cluster, log);
  const options = { compression: undefined, lingerMs: 0, laneBytes: LANE_BYTES };
  const producer = new Producer(cluster, metadata, options, log, { batch() {}, suspectedLoss() {} });
  const meter = { appended() {}, refused() {} };
  const { namespace } = config.kafka;
  const ingest = createIngest({ log: producer, topics: plan.topics, namespace, meter });
  const deps: DeliveryDeps = {
    cluster,
    metadata,
    ingest,
    log,
    clock: systemClock,
    turns: new Turns(systemClock),
  };
  const runners = new Map<string, SinkRunner>();
  const report: ReplayReport = {
    delivered: 0,
    failed: 0,
    deadLettered: 0,
    skipped: 0,
    leftAlone: 0,
    gone: new Set(),
    interrupted: false,
  };
  cluster.start();
  producer.start();
  try {
    const runner = (name: string): SinkRunner => {
      const planned = plan.sinks.find((each) => each.name === name);
      if (!planned)
        throw new ReplayError(
          `No sink "${name}" is configured; the configuration has ${plan.sinks.map((each) => each.name).join(", ") || "none"}.`,
        );
      const found = runners.get(name) ?? runnerOf(planned, deps);
      runners.set(name, found);
      return found;
    };
    await work({ deps, runner }, report);
    for (const { counts } of runners.values())
      for (const key of ["delivered", "failed", "deadLettered", "skipped"] as const)
        report[key] += counts[key];
    return report;
  } finally {
    await producer.stop(Date.now() + RESOLVE_MS);
    cluster.close();
  }
}
