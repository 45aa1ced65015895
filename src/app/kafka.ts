// Builds the parts that communicate with Kafka from a configuration. Used by the gateway and by replays.

import type { Config } from "../config/load.ts";
import { OperatorError } from "../core/errors.ts";
import { createIngest, type Ingest } from "../core/ingest.ts";
import type { Log, Meter } from "../core/ports.ts";
import { bytes, ms } from "../core/units.ts";
import { Cluster } from "../kafka/client/cluster.ts";
import { TopicMetadata } from "../kafka/client/metadata.ts";
import { ReadBudget } from "../kafka/consume/read-budget.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { Producer, type ProducerEvents, type ProducerOptions } from "../kafka/produce/producer.ts";
import { kafkaOptions } from "./kafka-options.ts";

export interface Kafka<M = unknown> {
  /** Counts the records. */
  readonly meter: M;
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly producer: Producer;
  /** The memory of all readers. */
  readonly readBudget: ReadBudget;
  readonly ingest: Ingest;
  start(): void;
  /** Waits for the records in flight, until `deadline` (milliseconds, `Date.now`), and disconnects. */
  stop(deadline: number): Promise<void>;
}

/**
 * @param brokers the bootstrap brokers: those of the configuration, or the development broker
 * @param createMeter creates the meter; its argument returns whether a topic is known to exist
 * @param options the options of the producer; by default those of the configuration
 */
export function createKafka<M extends Meter & ProducerEvents>(
  config: Config,
  brokers: readonly string[],
  log: Log,
  createMeter: (isKnown: (topic: string) => boolean) => M,
  options: ProducerOptions = producerOptions(config),
): Kafka<M> {
  const cluster = new Cluster(kafkaOptions(config, brokers), log);
  const metadata = new TopicMetadata(cluster, log);
  const meter = createMeter((topic) => metadata.get(topic) !== undefined);
  const producer = new Producer(cluster, metadata, options, log, meter);
  const { namespace, readBudget, maxUnpackedBatch } = config.kafka;
  const ingest = createIngest({ records: producer, topics: config.compiled.topics, namespace, meter });
  return {
    meter,
    cluster,
    metadata,
    producer,
    readBudget: new ReadBudget(bytes(readBudget), bytes(maxUnpackedBatch)),
    ingest,
    start() {
      cluster.start();
      metadata.start();
      producer.start();
    },
    async stop(deadline) {
      await producer.stop(deadline);
      metadata.stop();
      cluster.close();
    },
  };
}

/** The beginning of the error message when no broker is configured. */
export const NO_BROKER =
  "No Kafka broker is configured. Set kafka.brokers in the configuration or KAFKA_BROKERS=host:port";

function producerOptions({ kafka, http }: Config): ProducerOptions {
  return {
    compression: compressionOf(kafka.compression),
    lingerMs: ms(kafka.linger),
    laneBytes: bytes(http.budget) / 2,
  };
}

/** The producer options of commands: no compression, so that every reader can read the records, and no linger. */
const COMMAND_PRODUCER = { compression: undefined, lingerMs: 0, laneBytes: 32 * 1024 * 1024 };
/** The meter of a command, which has no metrics. */
const NO_METER = { countAppended() {}, countRefused() {}, countBatch() {}, countSuspectedLoss() {} };
/** How long a command waits for its records in flight when it ends, in milliseconds. */
const COMMAND_STOP_MS = 10_000;

/**
 * Does the work of a command with connections to Kafka, which are closed afterwards.
 *
 * @throws OperatorError when no broker is configured; what `work` throws
 */
export async function withKafka<T>(config: Config, log: Log, work: (kafka: Kafka) => Promise<T>): Promise<T> {
  const { brokers } = config.kafka;
  if (brokers.length === 0) throw new OperatorError(`${NO_BROKER}.`);
  const kafka = createKafka(config, brokers, log, () => NO_METER, COMMAND_PRODUCER);
  kafka.start();
  try {
    return await work(kafka);
  } finally {
    await kafka.stop(Date.now() + COMMAND_STOP_MS);
  }
}
