// The response of `/readyz`: for each part, whether it is ready to produce records.

import type { Readiness } from "../core/ports.ts";
import type { Kafka } from "./kafka.ts";
import type { TopicKeeper } from "./topic-keeper.ts";

export function readiness(
  { producer }: Kafka,
  keeper: TopicKeeper,
  draining: boolean,
): Record<string, Readiness> {
  return {
    process: { ready: !draining, detail: draining ? "stopping" : "running" },
    kafka: { ready: producer.fault === undefined, detail: producer.fault ?? "able to produce" },
    topics: keeper.readiness,
  };
}
