// The parts that speak to Kafka, built from a configuration. Used by the gateway and by replays.

import type { Config } from "../config/load.ts";
import { createIngest, type Ingest } from "../core/ingest.ts";
import type { Log, Meter } from "../core/ports.ts";
import { bytes, ms } from "../core/units.ts";
import { Cluster } from "../kafka/client/cluster.ts";
import { TopicMetadata } from "../kafka/client/metadata.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { Producer, type ProducerEvents } from "../kafka/produce/producer.ts";
import { kafkaOptions } from "./kafka-options.ts";

export interface Kafka<M = unknown> {
  /** What counts records. */
  readonly meter: M;
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly producer: Producer;
  readonly ingest: Ingest;
  start(): void;
  /** Waits for the records in flight, until `deadline` (milliseconds, `Date.now`), and disconnects. */
  stop(deadline: number): Promise<void>;
}

/**
 * @param brokers the brokers to start from: those of the configuration, or the development broker
 * @param createMeter creates what counts records; its argument tells whether Kafka has a topic
 */
export function createKafka<M extends Meter & ProducerEvents>(
  config: Config,
  brokers: readonly string[],
  log: Log,
  createMeter: (isKnown: (topic: string) => boolean) => M,
): Kafka<M> {
  const cluster = new Cluster(kafkaOptions(config, brokers), log);
  const metadata = new TopicMetadata(cluster, log);
  const meter = createMeter((topic) => metadata.get(topic) !== undefined);
  const options = {
    compression: compressionOf(config.kafka.compression),
    lingerMs: ms(config.kafka.linger),
    laneBytes: bytes(config.http.budget) / 2,
  };
  const producer = new Producer(cluster, metadata, options, log, meter);
  const { namespace } = config.kafka;
  const ingest = createIngest({ records: producer, topics: config.compiled.topics, namespace, meter });
  return {
    meter,
    cluster,
    metadata,
    producer,
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

/** The sentence for an operator who has configured no broker. */
export const NO_BROKER =
  "No Kafka broker is configured. Set kafka.brokers in the configuration or KAFKA_BROKERS=host:port";
