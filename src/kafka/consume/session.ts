// Reads the partitions of one generation of a consumer group, until a rebalance, a failure or a stop. A partition that
// cannot be read yet does not delay the others.

import { once, setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { FeedPosition, RecordHandler } from "../../core/ports.ts";
import { kafkaErrorName } from "../../wire/error-codes.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { BlockedReasons } from "./blocked-reasons.ts";
import { Committer, type UncommittedPositions } from "./committer.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { CoordinatorLost, type GroupAssignment, type GroupMember, Rebalance } from "./group-member.ts";
import type { Committed } from "./group-offsets.ts";
import { keepAlive } from "./keep-alive.ts";
import { PartitionLoop } from "./partition-loop.ts";
import { PartitionReader } from "./partition-reader.ts";
import type { Position } from "./position-fault.ts";
import { type StartPositions, startKey } from "./start-positions.ts";
import type { PartitionCounts, TopicWatch } from "./topic-watch.ts";

/** How long handler calls may continue after a session has ended; then they are cancelled. */
const GRACE_MS = 5000;
const WATCH_MS = 5000;
const START_RETRY_MS = 500;
/** How long a session must last before its group counts as stable, in milliseconds. */
const STABLE_MS = 3000;

export interface SessionDeps extends FetcherDeps {
  readonly group: string;
  readonly member: GroupMember;
  readonly watch: TopicWatch;
  readonly start: StartPositions;
  readonly uncommitted: UncommittedPositions;
  readonly blockedReasons: BlockedReasons;
  readonly handler: RecordHandler;
}

/** Reads the partitions of one generation. Created by `Consumer` after each join; `run` is called once. */
export class Session {
  readonly #deps: SessionDeps;
  readonly #assignment: GroupAssignment;
  /** The numbers of partitions that the assignment is based on. */
  readonly #counts: PartitionCounts;
  readonly #committer: Committer;
  readonly #fetcher: Fetcher;
  readonly #loops: PartitionLoop[] = [];
  readonly #running: Promise<void>[] = [];
  /** Aborted when the session ends: nothing new is started. */
  readonly #ending = new AbortController();
  readonly #cancel = new AbortController();
  readonly #failures: unknown[] = [];

  constructor(deps: SessionDeps, assignment: GroupAssignment, counts: PartitionCounts) {
    this.#deps = deps;
    this.#assignment = assignment;
    this.#counts = counts;
    this.#committer = new Committer(deps.member);
    this.#fetcher = new Fetcher(deps);
    // Every partition adds listeners to both signals.
    setMaxListeners(0, this.#ending.signal, this.#cancel.signal);
  }

  /** The assigned partitions that are read. */
  get positions(): FeedPosition[] {
    const { messages } = this.#deps.blockedReasons;
    return this.#loops.map(({ reader }) => {
      const { state } = reader;
      const error = messages.get(`${reader.topic}/${reader.partition}`);
      if (error === undefined) return state;
      // The end of a partition that is not read any more may have moved.
      return { ...state, lag: state.lag === 0 ? null : state.lag, error };
    });
  }

  /** The number of assigned partitions that are not read yet. */
  get notStarted(): number {
    return this.#assignment.own.length - this.#loops.length;
  }

  /** @throws Rebalance when the group must be joined again; the failure that ended the session */
  async run(stopping: AbortSignal): Promise<void> {
    const { uncommitted, blockedReasons } = this.#deps;
    uncommitted.keepOnly(this.#assignment.own);
    const onStopping = (): void => this.#end();
    stopping.addEventListener("abort", onStopping);
    if (stopping.aborted) this.#end();
    const end = (error: unknown): void => this.#end(error);
    const { signal } = this.#ending;
    const others = [
      this.#sendHeartbeats().catch(end),
      this.#watchTopics().catch(end),
      this.#startPartitions().catch(end),
    ];
    const stable = setTimeout(() => blockedReasons.clear("group"), STABLE_MS);
    if (!signal.aborted) await once(signal, "abort");
    clearTimeout(stable);
    // Handler calls in progress may finish, and their offsets are committed. Heartbeats continue until then,
    // unless a heartbeat has failed.
    const graceTimer = setTimeout(() => this.#cancel.abort(), GRACE_MS);
    await Promise.all(this.#running);
    clearTimeout(graceTimer);
    this.#cancel.abort();
    this.#fetcher.stop();
    stopping.removeEventListener("abort", onStopping);
    await Promise.all(others);
    const failure = this.#failures.find((error) => !(error instanceof Rebalance)) ?? this.#failures[0];
    if (failure !== undefined && !stopping.aborted) throw failure;
  }

  #end(error?: unknown): void {
    if (error !== undefined && !this.#ending.signal.aborted) this.#failures.push(error);
    this.#ending.abort();
  }

  /** Starts to read each partition as soon as its committed position is known. */
  async #startPartitions(): Promise<void> {
    const { member, start } = this.#deps;
    const { own, all } = this.#assignment;
    const { signal } = this.#ending;
    let waiting: readonly TopicPartition[] = own;
    // The group leader commits the start offsets for all members.
    let isComplete = all === undefined;
    while (waiting.length > 0 || !isComplete) {
      try {
        if (all && !isComplete) isComplete = await start.commit(member, all);
        const committed = await member.committed(waiting);
        if (signal.aborted) return;
        waiting = waiting.filter((each) => !this.#start(each, committed.get(each)));
      } catch (error) {
        if (!(error instanceof CoordinatorLost)) throw error;
      }
      if (waiting.length > 0 || !isComplete) await this.#pause(START_RETRY_MS);
      if (signal.aborted) return;
    }
  }

  /** @returns false when the group has no committed position for the partition */
  #start(partition: TopicPartition, committed: Committed | undefined): boolean {
    const { uncommitted, blockedReasons } = this.#deps;
    const { topic } = partition;
    const key = startKey(partition);
    if (committed?.position === undefined) {
      const code = committed?.errorCode ?? 0;
      // This member is the group leader, and has reported why it cannot commit a start offset.
      if (code === 0 && this.#assignment.all) return false;
      const reason =
        code === 0 ? "the group leader has not committed a start offset yet" : kafkaErrorName(code);
      const message = `${topic}/${partition.partition} has no start offset: ${reason}. Check that the partition has a leader, and that Onramp's user has the ACL "Read" on topic "${topic}".`;
      blockedReasons.raise(key, { kind: "start", ...partition }, message, { afterMs: 5000 });
      return false;
    }
    blockedReasons.clear(key);
    this.#read(partition, committed.position, uncommitted.resume(partition, committed.position));
    return true;
  }

  #read({ topic, partition }: TopicPartition, committed: Position, position: Position): void {
    const reader = new PartitionReader(topic, partition, position);
    const loop = new PartitionLoop(reader, committed.offset, {
      ...this.#deps,
      committer: this.#committer,
      offsets: this.#deps,
    });
    this.#loops.push(loop);
    this.#fetcher.add(reader);
    const run = loop.run(this.#ending.signal, this.#cancel.signal);
    this.#running.push(run.catch((error: unknown) => this.#end(error)));
  }

  /** @throws as `keepAlive` */
  #sendHeartbeats(): Promise<void> {
    const { member, blockedReasons: reasons, group } = this.#deps;
    const partitions = Math.max(1, this.#assignment.own.length);
    const onAttempt = (): void => {
      for (const loop of this.#loops) void loop.commitIdle();
    };
    return keepAlive(member, { group, reasons, partitions, onAttempt }, this.#cancel.signal);
  }

  /** @throws Rebalance when the number of partitions of a topic has changed since the assignment */
  async #watchTopics(): Promise<void> {
    const { watch, log, group } = this.#deps;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#pause(WATCH_MS);
      if (signal.aborted) return;
      const assigned = new Set(this.#loops.map(({ reader }) => reader.topic));
      try {
        await watch.check(assigned);
      } catch (error) {
        log.debug({ group, error }, "topics not checked");
        continue;
      }
      const change = watch.changeSince(this.#counts);
      if (change !== undefined) throw new Rebalance(change);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#ending.signal }).catch(() => {});
  }
}
