// Reads the records that a stream has missed from the log, until the ring has those that follow.

import { setTimeout as delay } from "node:timers/promises";
import {
  FROM_FIRST,
  type PartitionRange,
  RangeFailure,
  type TopicTails,
  timeOfOffset,
} from "../core/live.ts";
import type { ConsumedRecord } from "../core/ports.ts";
import { nextTurn } from "../core/time.ts";
import { select } from "./apply.ts";
import type { CatchUp, TopicCatchUp } from "./catch-up.ts";
import { partitionChange, RecordsEntry } from "./entry.ts";
import type { SharedFilter } from "./filters.ts";
import type { LogReadSlots } from "./log-read-slots.ts";
import type { EventStream } from "./stream.ts";

/** The pause before a partition that cannot be read is tried again, in milliseconds. */
const RETRY_MS = 1000;
/**
 * In milliseconds: how long a turn waits for the client to take what was written, and how long a turn lasts. Then other streams,
 * other topics, and partitions that the ring has follow.
 */
const [TAKE_MS, TURN_MS] = [500, 1000];

/** Ends a turn: the client is slow, or the turn has lasted long enough. */
class TurnOver extends Error {}

/** Reads the log for one stream, in turns: for each it needs one of the slots. */
export class LogReader {
  readonly #tails: TopicTails;
  readonly #readSlots: LogReadSlots;
  readonly #stream: EventStream;
  readonly #catchUp: CatchUp;
  readonly #filter: SharedFilter | undefined;
  /** The partitions that are tried again later, by index of the topic and partition. */
  readonly #paused = new Set<string>();
  /** The number of turns: each begins with another topic. */
  #count = 0;

  constructor(
    deps: { readonly tails: TopicTails; readonly readSlots: LogReadSlots },
    stream: EventStream,
    catchUp: CatchUp,
    filter: SharedFilter | undefined,
  ) {
    this.#tails = deps.tails;
    this.#readSlots = deps.readSlots;
    this.#stream = stream;
    this.#catchUp = catchUp;
    this.#filter = filter;
  }

  /**
   * Reads the lagging partitions that can be read.
   *
   * @returns false when none of them can be read now
   * @throws OnrampError when the filter costs too much
   */
  async read(signal: AbortSignal): Promise<boolean> {
    const due = this.#catchUp.topics.filter((topic) => this.#readable(topic).length > 0);
    if (due.length === 0) return false;
    const release = await this.#readSlots.acquire(signal);
    try {
      const first = this.#count++ % due.length;
      for (const topic of [...due.slice(first), ...due.slice(0, first)]) await this.#readTopic(topic, signal);
    } catch (error) {
      if (!(error instanceof TurnOver)) throw error;
    } finally {
      release();
    }
    return true;
  }

  /** The partitions of a topic to read now: none while the entry of the ring that says that the topic was recreated is ahead. */
  #readable({ hub, lagging, index, place }: TopicCatchUp): number[] {
    if (place.key.id !== hub.head.key.id) return [];
    return [...lagging].filter(
      (partition) =>
        partition < hub.partitionCount &&
        !hub.blocked.has(partition) &&
        !this.#paused.has(`${index}/${partition}`),
    );
  }

  async #readTopic(topic: TopicCatchUp, signal: AbortSignal): Promise<void> {
    await this.#verify(topic);
    await this.#resolve(topic);
    signal.throwIfAborted();
    const { hub, place, unverified } = topic;
    if (place.key.id !== hub.head.key.id) return;
    const ranges: PartitionRange[] = [];
    for (const partition of this.#readable(topic)) {
      const [from, to] = [place.at(partition), hub.head.offset(partition)];
      if (hub.covers(partition, from.offset) && !unverified.has(partition)) {
        if (!this.#catchUp.markCaughtUp(topic, partition)) this.#retryLater(topic, partition);
      } else if (from.offset >= 0 && to > from.offset && !unverified.has(partition))
        ranges.push({ partition, from, to });
      else this.#retryLater(topic, partition);
    }
    if (ranges.length === 0) return;
    const began = Date.now();
    try {
      await this.#tails.read(
        hub.topic,
        hub.topicId,
        ranges,
        (partition, records, epoch) => this.#take(topic, partition, records, epoch, began),
        signal,
      );
    } catch (error) {
      if (!(error instanceof RangeFailure)) throw error;
      return this.#onFailure(topic, error);
    }
    for (const { partition, to } of ranges) {
      // Control records may follow the last record.
      const { offset, epoch } = place.at(partition);
      if (offset < to) place.set(partition, { offset: to, epoch });
      if (hub.covers(partition, Math.max(offset, to))) this.#catchUp.markCaughtUp(topic, partition);
    }
  }

  async #take(
    topic: TopicCatchUp,
    partition: number,
    records: readonly ConsumedRecord[],
    epoch: number,
    began: number,
  ): Promise<void> {
    const { place } = topic;
    const next = { offset: (records.at(-1)?.offset ?? -1) + 1, epoch };
    const entry = new RecordsEntry(partition, place.offset(partition), records, next, () => {});
    const filtered = await this.#filter?.select(entry);
    // Up to 32 streams read at the same time. Other clients are served between the chunks of two of them.
    await nextTurn();
    // Another partition may have written events meanwhile.
    await this.#untilTaken();
    if (this.#stream.hasEnded) throw new TurnOver();
    const selection = select(entry, this.#stream.keyName, filtered, place.offset(partition));
    this.#catchUp.appendRecords(topic, entry, selection);
    this.#stream.counts.ringMisses++;
    place.set(partition, next);
    this.#stream.flush();
    await this.#untilTaken();
    if (Date.now() - began > TURN_MS) throw new TurnOver();
  }

  /** @throws TurnOver when the client does not take what was written */
  async #untilTaken(): Promise<void> {
    if (this.#stream.isBlocked && !(await this.#stream.untilTaken(TAKE_MS))) throw new TurnOver();
  }

  /** Compares the positions that the client sent with the log. */
  async #verify(topic: TopicCatchUp): Promise<void> {
    const { hub, place, unverified } = topic;
    const due = this.#readable(topic).filter((partition) => unverified.has(partition));
    if (due.length === 0) return;
    const positions = new Map(due.map((partition) => [partition, place.at(partition)]));
    const { truncated, unknown } = await this.#tails.truncations(hub.topic, positions);
    for (const partition of due) {
      if (unknown.has(partition)) {
        this.#retryLater(topic, partition);
        continue;
      }
      unverified.delete(partition);
      const to = truncated.get(partition);
      if (to)
        this.#catchUp.apply(topic, partitionChange("truncated", partition, place.offset(partition), to));
    }
  }

  /** Finds the offsets that were not known when the stream began. */
  async #resolve(topic: TopicCatchUp): Promise<void> {
    const { hub, place } = topic;
    const due = this.#readable(topic).filter((partition) => place.offset(partition) < 0);
    for (const time of new Set(due.map((partition) => timeOfOffset(place.offset(partition))))) {
      const own = due.filter((partition) => timeOfOffset(place.offset(partition)) === time);
      const isFirst = time === timeOfOffset(FROM_FIRST.offset);
      const found = await this.#tails.offsets(hub.topic, own, isFirst ? "earliest" : time);
      for (const partition of own) {
        const at = found.get(partition);
        if (at) place.set(partition, at);
        else this.#retryLater(topic, partition);
      }
    }
  }

  #onFailure(topic: TopicCatchUp, { partition, reason, to }: RangeFailure): void {
    const { hub, place } = topic;
    const { offset: from, epoch } = place.at(partition);
    if (reason === "gap" && to && to.offset > from)
      this.#catchUp.apply(topic, partitionChange("gap", partition, from, to));
    else if (reason === "truncated" && to && to.offset < from)
      this.#catchUp.apply(topic, partitionChange("truncated", partition, from, to));
    // The log has no such epoch, but all records before the offset.
    else if (reason === "truncated" && to && epoch >= 0) place.set(partition, { ...to, offset: from });
    else if (reason === "recreated" && place.key.id !== hub.head.key.id) this.#catchUp.restart(topic);
    else this.#retryLater(topic, partition);
    this.#stream.flush();
  }

  #retryLater({ index }: TopicCatchUp, partition: number): void {
    const key = `${index}/${partition}`;
    this.#paused.add(key);
    void delay(RETRY_MS, undefined, { ref: false }).then(() => {
      this.#paused.delete(key);
      this.#stream.wake();
    });
  }
}
