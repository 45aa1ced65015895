// Reads topics as a member of a consumer group. Each assigned partition is read independently: one handler
// call is in progress per partition, and the offset is committed before the next call.

import { once, setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf, OnrampError } from "../../core/errors.ts";
import type { FeedPosition, Log, RecordFeed, RecordHandler } from "../../core/ports.ts";
import { Backoff } from "../../core/time.ts";
import { BrokerRefused } from "../client/errors.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { type GroupAssignment, GroupMember, Rebalance, SESSION_MS } from "./group-member.ts";
import { initialOffsets } from "./initial-offsets.ts";
import { PartitionLoop } from "./partition-loop.ts";
import { PartitionReader } from "./partition-reader.ts";

const HEARTBEAT_MS = SESSION_MS / 4;
/** How long handler calls may continue after a session has ended; then they are cancelled. */
const GRACE_MS = 5000;
const RESOLVE_MS = 5000;
const INITIAL_OFFSETS_POLL_MS = 100;
const UNKNOWN_TOPIC = 40401;

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Where the group starts in topics for which it has no committed offset. */
  readonly from: "latest" | "earliest";
}

/** The `RecordFeed` that reads as a member of a Kafka consumer group. */
export class Consumer implements RecordFeed {
  readonly #deps: FetcherDeps;
  readonly #log: Log;
  readonly #options: ConsumerOptions;
  readonly #member: GroupMember;
  #loops: readonly PartitionLoop[] = [];
  #trouble: string | undefined = "the consumer group has not been joined yet";
  /** Topics that did not exist at an earlier assignment: once they exist, they are read from their start. */
  readonly #absent = new Set<string>();

  constructor(deps: Omit<FetcherDeps, "channel">, options: ConsumerOptions) {
    this.#deps = { ...deps, channel: `fetch-${options.group}` };
    this.#log = deps.log;
    this.#options = options;
    this.#member = new GroupMember(deps.cluster, deps.log, {
      group: options.group,
      topics: options.topics,
      partitionsOf: (topic) => this.#partitionsOf(topic),
    });
  }

  get positions(): readonly FeedPosition[] {
    return this.#loops.map(({ reader }) => reader.state);
  }
  get trouble(): string | undefined {
    return this.#trouble ?? this.#loops.find(({ trouble }) => trouble !== undefined)?.trouble;
  }

  async run(handler: RecordHandler, stopping: AbortSignal): Promise<void> {
    const backoff = new Backoff(200, 10_000);
    while (!stopping.aborted) {
      try {
        await this.#session(handler, stopping, () => {
          this.#trouble = undefined;
          backoff.reset();
        });
      } catch (error) {
        if (stopping.aborted) break;
        if (error instanceof Rebalance) continue;
        this.#trouble = messageOf(error);
        // A code that is not retriable, such as a missing ACL, needs an operator.
        const retriable = error instanceof BrokerRefused ? error.retriable : true;
        this.#log.warn(
          { group: this.#options.group, reason: this.#trouble, retriable },
          "reading stopped; it will be tried again",
        );
        await delay(backoff.next(Date.now()), undefined, { signal: stopping }).catch(() => {});
      } finally {
        this.#loops = [];
      }
    }
    await this.#member.leave();
  }

  /**
   * Joins the group and reads the assigned partitions, until a rebalance, a failure or `stopping`.
   *
   * @throws Rebalance when the group must be joined again; the failure that ended the session
   */
  async #session(handler: RecordHandler, stopping: AbortSignal, onJoined: () => void): Promise<void> {
    const { topics } = this.#options;
    await Promise.allSettled(
      topics.map((topic) => this.#deps.metadata.resolve(topic, Date.now() + RESOLVE_MS)),
    );
    // Counted before the assignment, so that partitions that are added during it are noticed.
    const knownPartitions = this.#countPartitions();
    const assignment = await this.#member.join(stopping);
    const readers = await this.#createReaders(assignment, stopping);
    const loopDeps = {
      group: this.#options.group,
      member: this.#member,
      offsets: this.#deps,
      log: this.#log,
      handler,
    };
    this.#loops = readers.map((reader) => new PartitionLoop(reader, loopDeps));
    onJoined();
    this.#log.debug({ group: this.#options.group, partitions: assignment.own.length }, "partitions assigned");
    const sessionStopping = new AbortController();
    const cancel = new AbortController();
    // Every partition adds listeners to both signals.
    setMaxListeners(0, sessionStopping.signal, cancel.signal);
    const fetcher = new Fetcher(this.#deps, readers);
    const failures: unknown[] = [];
    const endSession = (error?: unknown): void => {
      if (error !== undefined) failures.push(error);
      sessionStopping.abort();
    };
    const onStopping = (): void => endSession();
    stopping.addEventListener("abort", onStopping);
    const partitions = this.#loops.map((loop) =>
      loop.run(sessionStopping.signal, cancel.signal).catch(endSession),
    );
    const heartbeats = this.#sendHeartbeats(cancel.signal, knownPartitions).catch(endSession);
    if (!sessionStopping.signal.aborted) await once(sessionStopping.signal, "abort");
    // Handler calls in progress may finish, and their offsets are committed. Heartbeats continue until then,
    // unless a heartbeat has failed.
    const graceTimer = setTimeout(() => cancel.abort(), GRACE_MS);
    await Promise.all(partitions);
    clearTimeout(graceTimer);
    cancel.abort();
    fetcher.stop();
    stopping.removeEventListener("abort", onStopping);
    await heartbeats;
    const failure = failures.find((error) => !(error instanceof Rebalance)) ?? failures[0];
    if (failure !== undefined && !stopping.aborted) throw failure;
  }

  /**
   * Creates the readers of this member at the committed offsets. The group leader first commits initial
   * offsets for all partitions that have none; the other members wait until these are committed.
   */
  async #createReaders({ own, all }: GroupAssignment, stopping: AbortSignal): Promise<PartitionReader[]> {
    if (all) {
      const fromStart = (topic: string) => this.#options.from === "earliest" || this.#absent.has(topic);
      const initial = await initialOffsets(this.#deps, all, await this.#member.committed(all), fromStart);
      if (initial.size > 0) await this.#member.commit(initial);
    }
    const deadline = Date.now() + RESOLVE_MS;
    for (; ; await delay(INITIAL_OFFSETS_POLL_MS, undefined, { signal: stopping })) {
      const committed = await this.#member.committed(own);
      if (own.every((each) => (committed.get(each) ?? -1) >= 0))
        return own.map(
          (each) => new PartitionReader(each.topic, each.partition, committed.get(each) ?? Number.NaN),
        );
      if (Date.now() > deadline) throw new Rebalance("initial offsets are not committed yet");
    }
  }

  /** Returns 0 for a topic that does not exist, so that the other topics are read. */
  async #partitionsOf(topic: string): Promise<number> {
    try {
      return (await this.#deps.metadata.resolve(topic, Date.now() + RESOLVE_MS)).partitions.length;
    } catch (error) {
      if (!(error instanceof OnrampError && error.code === UNKNOWN_TOPIC)) throw error;
      this.#absent.add(topic);
      this.#log.warn({ group: this.#options.group, topic }, "the topic does not exist; read once it does");
      return 0;
    }
  }

  /** The number of partitions of all topics, in the cached metadata. */
  #countPartitions(): number {
    const { metadata } = this.#deps;
    return this.#options.topics.reduce(
      (sum, topic) => sum + (metadata.get(topic)?.partitions.length ?? 0),
      0,
    );
  }

  /** @throws Rebalance when the group rebalances, or when the topics have more than `knownPartitions` partitions */
  async #sendHeartbeats(cancel: AbortSignal, knownPartitions: number): Promise<void> {
    const { metadata } = this.#deps;
    while (!cancel.aborted) {
      await delay(HEARTBEAT_MS, undefined, { signal: cancel }).catch(() => {});
      if (cancel.aborted) return;
      await this.#member.heartbeat();
      metadata.refresh(this.#options.topics.filter((topic) => metadata.get(topic) === undefined));
      if (this.#countPartitions() > knownPartitions) throw new Rebalance("partitions were added");
    }
  }
}
