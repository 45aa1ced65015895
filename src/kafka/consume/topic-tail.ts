// Follows the end of one topic, without a consumer group: all its partitions, each independently of the others. Notices
// partitions that are added, and that the topic is deleted or recreated.

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import {
  type FollowedTopic,
  FROM_FIRST,
  offsetForTime,
  type PartitionOffset,
  type TailListener,
  timeOfOffset,
} from "../../core/live.ts";
import type { Log } from "../../core/ports.ts";
import { Backoff } from "../../core/time.ts";
import {
  EARLIEST,
  LATEST,
  type ListOffsetsDeps,
  listOffsets,
  listOffsetsWithin,
  READ_COMMITTED,
} from "../client/list-offsets.ts";
import type { TopicState } from "../client/metadata.ts";
import type { BlockedReasons } from "./blocked-reasons.ts";
import { continueAt } from "./continue-at.ts";
import type { Fetcher } from "./fetcher.ts";
import { PartitionReader } from "./partition-reader.ts";
import {
  describeTailFault,
  isLost,
  type LostPosition,
  type PositionFault,
  SHOWN_AFTER_MS,
} from "./position-fault.ts";

/** The interval at which the metadata of the topic is read, in milliseconds; and while the topic seems to be deleted. */
const WATCH_MS = 5000;
const MISSING_MS = 300;
/** How long a topic must be missing before it counts as deleted, in milliseconds: new metadata takes time to reach all brokers. */
const DELETED_AFTER_MS = 2000;
const LOST_SHOWN_AFTER_MS = 3000;

export interface TopicTailDeps extends ListOffsetsDeps {
  readonly fetcher: Fetcher;
  readonly blockedReasons: BlockedReasons;
  readonly log: Log;
}

/** Follows one topic until `signal` is aborted. Created by `KafkaTopicTails`; `start` is called once. */
export class TopicTail {
  readonly #deps: TopicTailDeps;
  readonly #topic: string;
  readonly #listener: TailListener;
  readonly #signal: AbortSignal;
  #id: string | undefined;
  #partitions = 0;
  /** Aborted when the topic is recreated. */
  #generation = new AbortController();
  /** The time since which the topic is missing, in milliseconds; undefined while it exists. */
  #missingSince: number | undefined;
  #watching: NodeJS.Timeout | undefined;

  constructor(deps: TopicTailDeps, topic: string, listener: TailListener, signal: AbortSignal) {
    this.#deps = deps;
    this.#topic = topic;
    this.#listener = listener;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#stop(), { once: true });
  }

  /** Starts to follow. @param timeoutMs how long to wait for the end offsets of partitions */
  async start({ id, partitions }: TopicState, timeoutMs: number): Promise<FollowedTopic> {
    this.#id = id;
    const [topic, now] = [this.#topic, Date.now()];
    const places = partitions.map((_, partition) => ({ topic, partition }));
    const known = await listOffsetsWithin(this.#deps, places, LATEST, READ_COMMITTED, timeoutMs);
    const starts = places.map(
      (place): PartitionOffset => known.get(place) ?? { offset: offsetForTime(now), epoch: -1 },
    );
    // The caller gets the starts before the first call of the listener.
    setImmediate(() => {
      if (this.#signal.aborted) return;
      this.#followFrom(starts);
      this.#watch(WATCH_MS);
    });
    return { id, starts };
  }

  #followFrom(starts: readonly PartitionOffset[]): void {
    const { signal } = this.#generation;
    // Every partition adds a listener.
    setMaxListeners(0, signal);
    for (const start of starts) void this.#follow(this.#partitions++, start, signal);
  }

  async #follow(partition: number, start: PartitionOffset, signal: AbortSignal): Promise<void> {
    try {
      const { offset, epoch } = start.offset < 0 ? await this.#find(partition, start, signal) : start;
      const reader = new PartitionReader(this.#topic, partition, { offset, epoch, topicId: this.#id });
      await this.#read(reader, signal);
    } catch (error) {
      if (!signal.aborted)
        this.#deps.log.error(
          { error, topic: this.#topic, partition },
          "following a partition failed; streams of events get no more of its records",
        );
    }
  }

  /** Finds the offset of a partition that had no leader. Retries until it is known. */
  async #find(partition: number, { offset }: PartitionOffset, signal: AbortSignal): Promise<PartitionOffset> {
    const [place, key] = [{ topic: this.#topic, partition }, `start:${this.#topic}/${partition}`];
    const time = timeOfOffset(offset);
    const backoff = new Backoff(200, 2000);
    this.#listener.onBlocked(partition, true);
    for (;;) {
      const listed = await listOffsets(this.#deps, [place], () => time || EARLIEST).catch(
        (error: Error) => error,
      );
      const found = listed instanceof Error ? listed : listed.get(place);
      signal.throwIfAborted();
      if (found !== undefined && !(found instanceof Error)) {
        this.#deps.blockedReasons.clear(key);
        this.#listener.onBlocked(partition, false);
        this.#listener.onStart(partition, found);
        return found;
      }
      const message = `The offset at which to read ${this.#topic}/${partition} can't be determined: ${messageOf(found)}. Check the brokers that have its replicas; Onramp retries.`;
      this.#deps.blockedReasons.raise(key, { kind: "start", ...place }, message, {
        afterMs: LOST_SHOWN_AFTER_MS,
      });
      await delay(backoff.next(Date.now()), undefined, { signal });
    }
  }

  async #read(reader: PartitionReader, signal: AbortSignal): Promise<void> {
    const [{ partition }, { fetcher }] = [reader, this.#deps];
    reader.onFault = (fault) => this.#onFault(reader, fault);
    fetcher.add(reader);
    try {
      for (;;) {
        await reader.ready(signal);
        if (reader.lostPosition) await this.#continue(reader, reader.lostPosition, signal);
        else {
          const { records } = reader;
          reader.take(records.length);
          const { offset, epoch } = reader.position;
          this.#listener.onRecords(partition, records, { offset, epoch });
        }
      }
    } finally {
      reader.onFault = () => {};
      fetcher.remove(reader);
      this.#deps.blockedReasons.clear(`read:${this.#topic}/${partition}`);
    }
  }

  /** Decides where to continue after a lost position. Retries until it is known. */
  async #continue(reader: PartitionReader, fault: LostPosition, signal: AbortSignal): Promise<void> {
    const [{ topic, partition }, backoff] = [reader, new Backoff(200, 2000)];
    for (;;) {
      const found = await continueAt(this.#deps, reader, fault).catch((error: Error) => error);
      signal.throwIfAborted();
      if (found instanceof Error) {
        this.#deps.log.debug(
          { error: found, topic, partition },
          "the offset at which to continue is not known yet",
        );
        this.#deps.metadata.refresh([topic]);
        await delay(backoff.next(Date.now()), undefined, { signal });
        continue;
      }
      const { position, cause, event } = found;
      this.#deps.log.warn({ topic, partition, from: reader.position.offset, to: position.offset }, event);
      if (cause === "recreated") {
        await this.#check(signal);
        signal.throwIfAborted();
        // The topic was recreated meanwhile, or deleted again.
        await delay(backoff.next(Date.now()), undefined, { signal });
        continue;
      }
      const { offset, epoch } = position;
      if (cause === "removed") this.#listener.onGap(partition, { offset, epoch });
      if (cause === "truncated") this.#listener.onTruncated(partition, { offset, epoch });
      return reader.seek(position);
    }
  }

  #onFault(reader: PartitionReader, fault: PositionFault | undefined): void {
    const { topic, partition, position } = reader;
    const key = `read:${topic}/${partition}`;
    const blocked = fault !== undefined && !isLost(fault);
    this.#listener.onBlocked(partition, blocked);
    if (!blocked) return this.#deps.blockedReasons.clear(key);
    if (fault.reason === "deleted") this.#watch(0);
    const message = describeTailFault(reader, position.offset, fault);
    this.#deps.blockedReasons.raise(key, { kind: fault.reason, topic, partition }, message, {
      afterMs: SHOWN_AFTER_MS[fault.reason],
    });
  }

  #watch(ms: number): void {
    clearTimeout(this.#watching);
    if (this.#signal.aborted) return;
    this.#watching = setTimeout(() => {
      void this.#check().then(() => this.#watch(this.#missingSince === undefined ? WATCH_MS : MISSING_MS));
    }, ms);
  }

  /** Compares the topic with Kafka's metadata. @param lost the generation that was recreated, even if ids do not show it */
  async #check(lost?: AbortSignal): Promise<void> {
    const { metadata } = this.#deps;
    const found = await metadata.read([this.#topic]).then(
      (topics) => topics.get(this.#topic),
      () => undefined,
    );
    if (this.#signal.aborted || found === undefined) return;
    if (typeof found === "number") return this.#onMissing();
    this.#missingSince = undefined;
    if (found.id !== this.#id || (found.id === undefined && lost?.aborted === false))
      return this.#restart(found);
    if (found.partitions.length > this.#partitions)
      this.#followFrom(found.partitions.slice(this.#partitions).map(() => FROM_FIRST));
  }

  #onMissing(): void {
    this.#missingSince ??= Date.now();
    if (Date.now() - this.#missingSince < DELETED_AFTER_MS) return;
    this.#stop();
    this.#listener.onDeleted();
  }

  #restart({ id, partitions }: TopicState): void {
    this.#generation.abort();
    this.#generation = new AbortController();
    this.#id = id;
    this.#partitions = 0;
    const starts = partitions.map(() => FROM_FIRST);
    this.#listener.onRecreated({ id, starts });
    this.#followFrom(starts);
  }

  #stop(): void {
    clearTimeout(this.#watching);
    this.#generation.abort();
  }
}
