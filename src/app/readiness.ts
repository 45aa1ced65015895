// The response of `/readyz`: for each part, whether it is ready to produce records.

import type { Readiness } from "../core/ports.ts";
import type { SourceSummary } from "../core/source-state.ts";
import type { Kafka } from "./kafka.ts";
import type { TopicKeeper } from "./topic-keeper.ts";

export function readiness(
  { producer }: Kafka,
  keeper: TopicKeeper,
  sources: readonly SourceSummary[],
  draining: boolean,
): Record<string, Readiness> {
  return {
    process: { ready: !draining, detail: draining ? "stopping" : "running" },
    kafka: { ready: producer.fault === undefined, detail: producer.fault ?? "able to produce" },
    topics: keeper.readiness,
    // Always ready: a source that fails does not prevent the process from producing.
    ...(sources.length > 0 ? { sources: { ready: true, detail: detailOf(sources) } } : {}),
  };
}

/** Such as "3 running; 1 blocked: orders". */
function detailOf(sources: readonly SourceSummary[]): string {
  const byState = new Map<string, string[]>();
  for (const { name, state } of sources) byState.set(state, [...(byState.get(state) ?? []), name]);
  return [...byState]
    .map(([state, names]) => {
      const isFailure = state === "blocked" || state === "backing-off";
      return `${names.length} ${state}${isFailure ? `: ${names.join(", ")}` : ""}`;
    })
    .join("; ");
}
