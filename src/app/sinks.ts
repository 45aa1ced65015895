// The ways out, wired: each configured sink with its consumer group, its runner and its dead letters.

import type { PlannedSink } from "../config/compile.ts";
import type { Config } from "../config/types.ts";
import type { Clock } from "../core/clock.ts";
import type { Ingest } from "../core/ingest.ts";
import type { Log } from "../core/ports.ts";
import type { SinkState } from "../core/sink-state.ts";
import { ms } from "../core/units.ts";
import type { Cluster } from "../kafka/client/cluster.ts";
import type { TopicMetadata } from "../kafka/client/metadata.ts";
import { Consumer } from "../kafka/consume/consumer.ts";
import type { Turns } from "../runners/rate-limiter.ts";
import { SinkRunner } from "../runners/sink-runner.ts";

const BURIAL_MS = 5000;

export interface DeliveryDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly ingest: Ingest;
  readonly log: Log;
  readonly clock: Clock;
  readonly turns: Turns;
}

/** A runner for a sink, without a feed. */
export function runnerOf(planned: PlannedSink, { ingest, log, clock, turns }: DeliveryDeps): SinkRunner {
  const { name, type, sink, filterExpression: filter, giveUpAfter } = planned;
  return new SinkRunner(
    { name, type, filter, giveUpAfterMs: ms(giveUpAfter) },
    {
      sink,
      turns,
      clock,
      log,
      bury: (record, reason, attempts) =>
        ingest.bury(record, { sink: name, reason, attempts, deadline: Date.now() + BURIAL_MS }),
    },
  );
}

/** All sinks of the process. */
export class Delivery {
  readonly #runners: readonly { readonly runner: SinkRunner; readonly consumer: Consumer }[];

  constructor(config: Config, sinks: readonly PlannedSink[], deps: DeliveryDeps) {
    this.#runners = sinks.map((planned) => ({
      runner: runnerOf(planned, deps),
      consumer: new Consumer(deps, {
        group: `${config.kafka.namespace}-sink-${planned.name}`,
        topics: planned.topics,
        from: planned.from,
      }),
    }));
  }

  get states(): SinkState[] {
    return this.#runners.map(({ runner }) => runner.state);
  }

  start(): void {
    for (const { runner, consumer } of this.#runners) runner.start(consumer);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#runners.map(({ runner }) => runner.stop()));
  }
}
