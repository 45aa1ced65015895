// Creates the configured sources, each with its runner and its transactional producer, and takes over those that are
// assigned to this process.

import { setTimeout as delay } from "node:timers/promises";
import type { CompiledAdapter } from "../config/compile-family.ts";
import type { Config } from "../config/load.ts";
import { messageOf } from "../core/errors.ts";
import type { Log, MetricSource } from "../core/ports.ts";
import type { Source, sourceOptions } from "../core/source.ts";
import type { TopicEnsurer } from "../core/source-ports.ts";
import { decodeState, type SourceState, type SourceSummary } from "../core/source-state.ts";
import type { Clock } from "../core/time.ts";
import { Ownership } from "../kafka/consume/ownership.ts";
import { KafkaStateReader } from "../kafka/consume/state-reader.ts";
import { KafkaTopicRecords } from "../kafka/consume/topic-records.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { TransactionalProducer } from "../kafka/produce/transaction.ts";
import { sourceMetrics } from "../runners/source-metrics.ts";
import { SourceRunner } from "../runners/source-runner.ts";
import { PartitionTakeover, type States } from "../runners/source-takeover.ts";
import type { Kafka } from "./kafka.ts";
import { PARTITIONS, statePartition, stateTopicName } from "./state-topic.ts";

export interface SourceDeps extends Pick<Kafka, "cluster" | "metadata" | "readBudget" | "ingest"> {
  readonly log: Log;
  readonly clock: Clock;
  readonly topics: TopicEnsurer;
}

/** How long the process remains a member of the group while its sources end, in milliseconds. */
const LEAVE_MS = 1000;
/** The maximum number of sources that are reported one by one. */
const MAX_REPORTED = 20;

/** A source of the configuration. */
type CompiledSource = CompiledAdapter<Source, typeof sourceOptions>;

/** The transactional id of a source. */
export const transactionalId = (namespace: string, source: string): string => `${namespace}-source-${source}`;

/** All sources of the process. */
export class Sources {
  readonly #log: Log;
  readonly #reader: KafkaStateReader;
  readonly #records: KafkaTopicRecords;
  readonly #ownership: Ownership;
  readonly #runners: readonly SourceRunner[];
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Reads, one at a time, assigned partitions in which no configured source stores its cursor. */
  #unusedReads: Promise<unknown> = Promise.resolve();

  constructor(config: Config, deps: SourceDeps) {
    const { namespace } = config.kafka;
    const topic = stateTopicName(namespace);
    this.#log = deps.log;
    this.#reader = new KafkaStateReader(deps, topic);
    this.#records = new KafkaTopicRecords(deps);
    this.#ownership = new Ownership(deps, `${namespace}-sources`, topic);
    this.#runners = [...config.compiled.sources.values()].map((source) =>
      this.#createRunner(source, config, deps),
    );
  }

  get states(): SourceState[] {
    return this.#runners.map(({ state }) => state);
  }

  get summaries(): SourceSummary[] {
    return this.#runners.map(({ summary }) => summary);
  }

  get metrics(): readonly MetricSource[] {
    return sourceMetrics(
      () => this.summaries,
      this.#runners.flatMap(({ gauges }) => gauges),
    );
  }

  start(): void {
    if (this.#runners.length === 0) return;
    const onAssigned = (partition: number, revoked: AbortSignal): void => this.#takeOver(partition, revoked);
    this.#running = this.#ownership.run(onAssigned, this.#stop.signal);
  }

  /**
   * Ends the sources, then leaves the group, so that other processes take over at once. A source that does not end soon does not
   * delay the takeover of the others: the next owner fences it.
   */
  async stop(): Promise<void> {
    const ended = Promise.all(this.#runners.map((runner) => runner.stop()));
    await Promise.race([ended, delay(LEAVE_MS, undefined, { ref: false })]);
    this.#stop.abort();
    await this.#running;
    await ended;
  }

  #createRunner(
    { name, adapter: source, settings, filter }: CompiledSource,
    { kafka }: Config,
    deps: SourceDeps,
  ) {
    const { namespace, compression } = kafka;
    const { cursorVersion = 1, holds } = source;
    const { type, tooLarge } = settings;
    const partition = statePartition(name, source.group);
    return new SourceRunner(
      {
        name,
        type,
        cursorVersion,
        holds,
        filter,
        tooLarge,
        partition,
        partitions: PARTITIONS,
        stateTopic: stateTopicName(namespace),
      },
      {
        ...deps,
        source,
        reader: this.#reader,
        records: this.#records,
        ownership: this.#ownership,
        transactions: new TransactionalProducer(
          { ...deps, compression: compressionOf(compression) },
          transactionalId(namespace, name),
        ),
      },
    );
  }

  #takeOver(partition: number, revoked: AbortSignal): void {
    const own = this.#runners.filter((runner) => runner.partition === partition);
    const onStates = (states: States): void => this.#reportUnknown(states);
    const takeover = new PartitionTakeover(partition, own.length, this.#reader, onStates, revoked);
    for (const runner of own) runner.onAssigned(takeover, revoked);
    // If no configured source uses the partition, it is read only to report states of other sources.
    if (own.length > 0) return;
    const read = async (): Promise<unknown> => (revoked.aborted ? undefined : takeover.states(revoked));
    this.#unusedReads = this.#unusedReads.then(read).catch((error: unknown) => {
      if (!revoked.aborted)
        this.#log.debug({ partition, reason: messageOf(error) }, "states of sources not read");
    });
  }

  /** Logs sources that have a state and are not configured. */
  #reportUnknown(states: States): void {
    const unknown = [...states].flatMap(([name, { value }]) =>
      value === null || this.#runners.some((runner) => runner.name === name) ? [] : [{ name, value }],
    );
    for (const { name, value } of unknown.slice(0, MAX_REPORTED)) {
      const holds = this.#holdsOf(name, value);
      this.#log.warn(
        { source: name, ...(holds === undefined ? {} : { holds }) },
        `a source has a cursor but is not configured${holds === undefined ? "" : ", and something may remain in another system (see holds)"}; ${REMOVE}`,
      );
    }
    const more = unknown.length - MAX_REPORTED;
    if (more > 0) this.#log.warn({ more }, `more sources have a cursor but are not configured; ${REMOVE}`);
  }

  #holdsOf(name: string, value: Buffer): string | undefined {
    try {
      return decodeState(name, value).holds;
    } catch (error) {
      this.#log.debug({ source: name, reason: messageOf(error) }, "state of a source not readable");
      return undefined;
    }
  }
}

const REMOVE =
  "configure it on all replicas; or, if no other installation with this kafka.namespace has it, remove its cursor with `onramp sources forget NAME`";
