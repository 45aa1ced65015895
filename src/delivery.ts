// The ways out, wired: each configured sink with its consumer group, its runner and its dead letters.

import type { Config } from "./config-types.ts";
import type { Ingest } from "./core/ingest.ts";
import type { Log } from "./core/ports.ts";
import { ms } from "./core/units.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { Consumer } from "./kafka/consumer.ts";
import type { TopicMetadata } from "./kafka/metadata.ts";
import type { Clock } from "./ops/clock.ts";
import { SinkRunner, type SinkState } from "./ops/sink-runner.ts";
import type { Turns } from "./ops/turns.ts";
import type { PlannedSink } from "./plan.ts";

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
