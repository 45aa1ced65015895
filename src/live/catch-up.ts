// The state of a stream that is not at the place of its feed: its places, the next entries of the rings, and the partitions
// whose records it must first read from the log.

import { FROM_FIRST } from "../core/live.ts";
import { advance, concerns, select } from "./apply.ts";
import { CHANGE_BYTES, type Entry, type RecordsEntry, type Selection } from "./entry.ts";
import { namedEvent, recordEvents } from "./event-bytes.ts";
import type { Feed } from "./feed.ts";
import type { Hub } from "./hub.ts";
import type { Place } from "./place.ts";
import { encodePosition } from "./position.ts";
import type { EventStream } from "./stream.ts";

/** The approximate number of bytes of events that a step writes per topic. */
const CHUNK_BYTES = 64 * 1024;
/** How many entries a step passes per topic, so that other work runs between steps that write nothing. */
const MAX_PASSED = 1000;

/** The state of a stream in one topic. */
export interface TopicCatchUp {
  readonly index: number;
  readonly hub: Hub;
  readonly place: Place;
  /** The sequence number of the next entry of the ring; undefined until the stream has entered it. */
  sequence: number | undefined;
  /** The partitions whose records are read from the log, because the ring does not have them. */
  readonly lagging: Set<number>;
  /** Partitions whose position must be compared with the log, which may have lost records before it. */
  readonly unverified: Set<number>;
}

/** Moves a stream to the place of its feed. */
export class CatchUp {
  readonly topics: readonly TopicCatchUp[];
  readonly #stream: EventStream;
  readonly #feed: Feed;

  /** @param sequences the sequence numbers of the next entries; undefined: the stream has not entered the rings */
  constructor(stream: EventStream, feed: Feed, places: readonly Place[], sequences?: readonly number[]) {
    this.#stream = stream;
    this.#feed = feed;
    this.topics = feed.hubs.map((hub, index) => ({
      index,
      hub,
      place: places[index] as Place,
      sequence: sequences?.[index],
      lagging: new Set<number>(),
      unverified: new Set<number>(),
    }));
  }

  get places(): readonly Place[] {
    return this.topics.map(({ place }) => place);
  }
  get position(): string {
    return encodePosition(this.places);
  }
  /** Whether records must be read from the log. */
  get isLagging(): boolean {
    return this.topics.some(({ lagging }) => lagging.size > 0);
  }

  /** Whether the stream is at the place of its feed. */
  get isComplete(): boolean {
    return (
      !this.isLagging &&
      this.topics.every(
        ({ sequence, place, index }) =>
          sequence === this.#feed.sequences[index] && place.equals(this.#feed.places[index] as Place),
      )
    );
  }

  /**
   * Writes the next events from the rings, up to the place of the feed.
   *
   * @returns whether the stream has moved
   */
  async step(): Promise<boolean> {
    let moved = false;
    for (const topic of this.topics) {
      this.#enter(topic);
      if (await this.#pass(topic)) moved = true;
      if (this.#stream.isBlocked || this.#stream.hasEnded) break;
    }
    return moved;
  }

  /** Appends the events of selected records. The caller moves the place. @returns their bytes */
  appendRecords({ hub, index }: TopicCatchUp, entry: RecordsEntry, selection: Selection): number {
    if (selection.indices.length === 0) return 0;
    const at = { topic: hub.topic, index, position: this.position };
    const made = recordEvents(entry, selection, at, this.#stream.format);
    if (made) this.#stream.append(made);
    return made?.bytes.length ?? 0;
  }

  /** Moves the place past an entry, and appends its named event. @returns the bytes of the event */
  apply({ hub, place }: TopicCatchUp, entry: Entry): number {
    const event = advance(place, entry, hub.topic);
    if (!event) return 0;
    const made = namedEvent(this.#stream.format, event.event, event.data, this.position);
    this.#stream.append(made);
    return made.bytes.length;
  }

  /**
   * Called when the log of a partition was read up to an offset that the ring has.
   *
   * @returns false while entries before `Hub.joinSequence` are left: the partition skips them. They have records of
   *   other partitions, and records of this one that the log may have lost since
   */
  markCaughtUp(topic: TopicCatchUp, partition: number): boolean {
    const { hub, sequence, lagging } = topic;
    if (sequence !== undefined && sequence < hub.joinSequence) return false;
    lagging.delete(partition);
    // The stream has passed entries without their records of this partition. It skips the records that it has received.
    topic.sequence = hub.joinSequence;
    return true;
  }

  /** Enters the ring of a topic, at the start or after the ring has removed entries that the stream had not passed. */
  #enter(topic: TopicCatchUp): void {
    const { hub, place, lagging } = topic;
    if (topic.sequence !== undefined && topic.sequence >= hub.ring.first) return;
    if (place.key.id !== hub.head.key.id) this.restart(topic);
    topic.sequence = hub.joinSequence;
    lagging.clear();
    if (!place.isSingle)
      for (let added = place.offsets.length; added < hub.partitionCount; added++)
        place.set(added, FROM_FIRST);
    for (const partition of place.partitions) {
      const { offset, epoch } = place.at(partition);
      const head = hub.head.at(partition);
      // Within one epoch, a log does not diverge.
      const isKnown = offset <= head.offset && (epoch < 0 || epoch === head.epoch);
      if (offset >= 0 && !isKnown) topic.unverified.add(partition);
      if (topic.unverified.has(partition) || !hub.covers(partition, offset)) lagging.add(partition);
    }
  }

  /** Continues at the first records of a topic that was recreated, without the entry of the ring for it. */
  restart(topic: TopicCatchUp): void {
    const { key, partitions } = topic.hub.head;
    topic.unverified.clear();
    topic.sequence = undefined;
    const starts = partitions.map(() => FROM_FIRST);
    this.apply(topic, { kind: "recreated", key, starts, bytes: CHANGE_BYTES });
  }

  async #pass(topic: TopicCatchUp): Promise<boolean> {
    const { hub, index } = topic;
    let [bytes, passed] = [0, 0];
    for (; bytes < CHUNK_BYTES && passed < MAX_PASSED; passed++) {
      const { sequence } = topic;
      if (sequence === undefined || sequence >= (this.#feed.sequences[index] ?? 0)) break;
      const entry = hub.ring.get(sequence);
      if (!entry) {
        topic.sequence = undefined;
        break;
      }
      const filtered =
        this.#feed.filter && entry.kind === "records" && concerns(topic.place, entry)
          ? await this.#feed.filter.select(entry)
          : undefined;
      if (this.#stream.hasEnded) break;
      bytes += this.#take(topic, entry, filtered);
      topic.sequence = sequence + 1;
    }
    this.#stream.flush();
    return passed > 0;
  }

  /** Writes the events of an entry, and moves past it. @returns the bytes written */
  #take(topic: TopicCatchUp, entry: Entry, filtered: Selection | undefined): number {
    const { place, lagging } = topic;
    if (!concerns(place, entry)) return 0;
    if (entry.kind === "recreated") {
      lagging.clear();
      topic.unverified.clear();
    } else if (lagging.has(entry.partition)) {
      // What the stream has read from the log may be lost since.
      if (entry.kind === "truncated") topic.unverified.add(entry.partition);
      return 0;
    }
    let written = 0;
    if (entry.kind === "records" && place.offset(entry.partition) < entry.next.offset) {
      const selection = select(entry, this.#stream.keyName, filtered, place.offset(entry.partition));
      written += this.appendRecords(topic, entry, selection);
      this.#stream.counts.ringHits++;
    }
    return written + this.apply(topic, entry);
  }
}
