// The response of `/readyz`: for each part, whether it is ready to produce records.

import type { Readiness } from "../core/ports.ts";
import type { Kafka } from "./kafka.ts";
import type { TopicKeeper } from "./topic-keeper.ts";

export function readiness(
  { cluster, producer }: Kafka,
  keeper: TopicKeeper,
  draining: boolean,
): Record<string, Readiness> {
  return {
    process: { ready: !draining, detail: draining ? "stopping" : "running" },
    kafka: kafkaReadiness(cluster, producer.ready),
    topics: keeper.readiness,
  };
}

function kafkaReadiness({ downForMs, lastError }: Kafka["cluster"], ready: boolean): Readiness {
  if (downForMs > 0) return { ready: false, detail: `no broker is reachable: ${lastError}` };
  return { ready, detail: ready ? "able to produce" : "waiting for a producer id" };
}
