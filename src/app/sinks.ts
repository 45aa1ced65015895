// Creates the configured sinks, each with its runner and its consumer group.

import type { CompiledAdapter } from "../config/compile-family.ts";
import type { Config } from "../config/load.ts";
import type { Log, MetricSource } from "../core/ports.ts";
import type { Sink, sinkOptions } from "../core/sink.ts";
import type { SinkState } from "../core/sink-state.ts";
import type { Clock } from "../core/time.ts";
import { ms } from "../core/units.ts";
import { Consumer } from "../kafka/consume/consumer.ts";
import type { RateLimiter } from "../runners/rate-limiter.ts";
import { sinkMetrics } from "../runners/sink-metrics.ts";
import { SinkRunner } from "../runners/sink-runner.ts";
import type { Kafka } from "./kafka.ts";

/** The time for one attempt to write a dead letter. */
const DEAD_LETTER_MS = 5000;

export interface SinkDeps extends Pick<Kafka, "cluster" | "metadata" | "readBudget" | "ingest"> {
  readonly log: Log;
  readonly clock: Clock;
  readonly limiter: RateLimiter;
}

/** A sink of the configuration. */
export type CompiledSink = CompiledAdapter<Sink, typeof sinkOptions>;

/** Creates the runner of a sink. The caller then passes a feed to `start`, or records to `handle`. */
export function createRunner(compiled: CompiledSink, { ingest, log, clock, limiter }: SinkDeps): SinkRunner {
  const {
    name,
    adapter: sink,
    filter,
    settings: { type, giveUpAfter },
  } = compiled;
  return new SinkRunner(
    { name, type, filter, giveUpAfterMs: ms(giveUpAfter) },
    {
      sink,
      limiter,
      clock,
      log,
      deadLetter: (record, reason, attempts) =>
        ingest.deadLetter(record, { sink: name, reason, attempts, deadline: Date.now() + DEAD_LETTER_MS }),
    },
  );
}

/** All sinks of the process. */
export class Sinks {
  readonly #running: readonly { readonly runner: SinkRunner; readonly consumer: Consumer }[];

  constructor({ kafka, compiled }: Config, deps: SinkDeps) {
    this.#running = [...compiled.sinks.values()].map((sink) => ({
      runner: createRunner(sink, deps),
      consumer: new Consumer(deps, {
        group: `${kafka.namespace}-sink-${sink.name}`,
        topics: sink.settings.topics,
        from: sink.settings.from,
      }),
    }));
  }

  get states(): SinkState[] {
    return this.#running.map(({ runner }) => runner.state);
  }

  get metrics(): readonly MetricSource[] {
    return sinkMetrics(() => this.states);
  }

  start(): void {
    for (const { runner, consumer } of this.#running) runner.start(consumer);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map(({ runner }) => runner.stop()));
  }
}
