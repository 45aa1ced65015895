// The metrics of streams of events.

import { gauge, type MetricSource } from "../core/ports.ts";
import type { Streams } from "./streams.ts";

const counter = (name: string, help: string, value: () => number): MetricSource => ({
  ...gauge(name, help, value),
  type: "counter",
});

/** Returns the metrics of the streams. */
export function liveMetrics(streams: Streams): readonly MetricSource[] {
  const { counts, readSlots, hubs, memory, filters } = streams;
  return [
    gauge("onramp_events_clients", "Open streams of events.", () => streams.all.size),
    counter("onramp_events_sent_total", "Events sent to clients, without heartbeats.", () => counts.events),
    counter("onramp_events_sent_bytes_total", "Bytes sent to clients of streams.", () => counts.bytes),
    {
      name: "onramp_events_ended_total",
      help: "Streams that ended, by reason: closed (by the client), slow, deleted, stopping, refused, ticket, filter, failed.",
      type: "counter",
      labels: ["reason"],
      read: () => [...streams.ended].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    gauge(
      "onramp_events_catching_up",
      "Streams that read from Kafka, or wait for it.",
      () => readSlots.count,
    ),
    gauge(
      "onramp_events_behind_seconds",
      "The longest time for which an open stream has been behind, in seconds.",
      () => behindSeconds(streams),
    ),
    counter(
      "onramp_events_ring_hits_total",
      "Batches that streams received from memory.",
      () => counts.ringHits,
    ),
    counter(
      "onramp_events_ring_misses_total",
      "Batches that streams received from Kafka.",
      () => counts.ringMisses,
    ),
    gauge(
      "onramp_events_ring_bytes",
      "Memory in use for recent records (http.events.ring).",
      () => memory.used,
    ),
    gauge("onramp_events_topics", "Topics that are followed for streams.", () => hubs.size),
    gauge("onramp_events_filters", "Different filters of streams.", () => filters.size),
  ];
}

function behindSeconds({ all }: Streams): number {
  let since = Date.now();
  for (const stream of all) since = Math.min(since, stream.behindSince ?? since);
  return (Date.now() - since) / 1000;
}
