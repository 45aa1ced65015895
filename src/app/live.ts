// Creates the streams of events, and their metrics.

import type { Config } from "../config/load.ts";
import { gauge, type Log, type MetricSource } from "../core/ports.ts";
import { bytes, ms } from "../core/units.ts";
import { KafkaTopicTails } from "../kafka/consume/topic-tails.ts";
import { liveMetrics } from "../live/metrics.ts";
import { Streams } from "../live/streams.ts";
import type { Kafka } from "./kafka.ts";

/** The streams of events of the process. */
export interface Live {
  readonly streams: Streams;
  readonly metrics: readonly MetricSource[];
  /** Ends all streams with a goodbye, and stops following topics. */
  stop(): void;
}

export function createLive({ http: { events } }: Config, kafka: Kafka, log: Log): Live {
  const tails = new KafkaTopicTails({ ...kafka, log });
  const streams = new Streams(
    tails,
    { maxClients: events.clients, ringBytes: bytes(events.ring), heartbeatMs: ms(events.heartbeat) },
    log,
  );
  return {
    streams,
    metrics: [
      ...liveMetrics(streams),
      gauge(
        "onramp_events_blocked_partitions",
        "Partitions of topics with streams that cannot be read now.",
        () => tails.blocked,
      ),
    ],
    stop() {
      streams.stop();
      tails.stop();
    },
  };
}
