// Streams with the same topics, partition and filter that have received everything so far. They share one place, so each
// entry is selected, rendered and encoded once for all of them.

import { yieldToEventLoop } from "../core/time.ts";
import { advance, concerns, select } from "./apply.ts";
import type { Entry, RecordsEntry, Selection } from "./entry.ts";
import { namedEvent, recordEvents } from "./event-bytes.ts";
import type { SharedFilter } from "./filters.ts";
import type { Hub, HubListener } from "./hub.ts";
import type { Place } from "./place.ts";
import { encodePosition } from "./position.ts";
import type { Rounds } from "./rounds.ts";
import type { EventStream } from "./stream.ts";
import type { StreamCounts } from "./stream-deps.ts";
import { StreamGroup } from "./stream-group.ts";

/** The approximate maximum of the events that one stream gets in a round, in bytes. */
const ROUND_BYTES = 64 * 1024;

/** An entry to process, the index of its topic, and what the filter selects of it. */
interface Found {
  readonly entry: Entry;
  readonly index: number;
  readonly selection: Selection | undefined;
}

/** A feed, which exists while streams with its topics, partition and filter are open. */
export class Feed implements HubListener {
  readonly hubs: readonly Hub[];
  readonly filter: SharedFilter | undefined;
  /** The place of the streams, and the sequence number of the next entry, per topic. */
  readonly places: readonly Place[];
  readonly sequences: number[];
  /** The number of streams that use the feed. */
  users = 0;
  /** The streams that are not at the place of the feed. They are woken after each round. */
  readonly catchingUp = new Set<EventStream>();
  readonly #plain = new Map<string, StreamGroup>();
  readonly #keyed = new Map<string, Map<string, StreamGroup>>();
  #position: string | undefined;
  /** The number of rounds. */
  #count = 0;
  /** During a round: the streams that have not received its events yet, and the places before the round. */
  #pending = new Set<EventStream>();
  #before: { readonly places: readonly Place[]; readonly sequences: readonly number[] } | undefined;

  readonly #rounds: Rounds;
  readonly #counts: StreamCounts;

  /** @param single the only partition that the streams read, if there is one */
  constructor(
    rounds: Rounds,
    hubs: readonly Hub[],
    single: number | undefined,
    filter: SharedFilter | undefined,
    counts: StreamCounts,
  ) {
    this.#rounds = rounds;
    this.#counts = counts;
    this.hubs = hubs;
    this.filter = filter;
    this.places = hubs.map(({ head }) => head.clone(single));
    this.sequences = hubs.map(({ ring }) => ring.end);
  }

  /** The position of all streams that have no pending events. */
  get position(): string {
    this.#position ??= encodePosition(this.places);
    return this.#position;
  }

  onChange(): void {
    this.#rounds.schedule(this);
  }

  /** Whether there are entries that the feed has not processed. */
  get isBehind(): boolean {
    return this.hubs.some(({ ring }, index) => (this.sequences[index] ?? 0) < ring.end);
  }

  /** Adds a stream that is at the place of the feed. */
  join(stream: EventStream): void {
    this.#groupOf(stream).streams.add(stream);
  }

  leave(stream: EventStream): void {
    this.#pending.delete(stream);
    this.catchingUp.delete(stream);
    const { keyName: key, format } = stream;
    const groups = key === undefined ? this.#plain : this.#keyed.get(key);
    const group = groups?.get(format.name);
    group?.streams.delete(stream);
    if (group?.streams.size !== 0) return;
    groups?.delete(format.name);
    if (key !== undefined && groups?.size === 0) this.#keyed.delete(key);
  }

  /** The places and sequence numbers of a stream of the feed. */
  placesOf(stream: EventStream): {
    readonly places: readonly Place[];
    readonly sequences: readonly number[];
  } {
    return this.#before && this.#pending.has(stream) ? this.#before : this;
  }

  /** The position of a stream of the feed. */
  positionOf(stream: EventStream): string {
    const at = this.placesOf(stream);
    return at === this ? this.position : encodePosition(at.places);
  }

  /**
   * Processes the next entries, and writes their events. Called by `Rounds`, one call at a time.
   *
   * @returns whether entries remain
   * @throws OnrampError when the filter costs too much
   */
  async round(): Promise<boolean> {
    const found = await this.#next();
    const before = { places: this.places.map((place) => place.clone()), sequences: [...this.sequences] };
    const groups = new Set<StreamGroup>();
    // No other code may run after the places move and before `#pending` has the streams whose events are not written.
    let bytes = 0;
    for (const { entry, index, selection } of found) {
      const hub = this.hubs[index] as Hub;
      if (bytes >= ROUND_BYTES || hub.ring.get(this.sequences[index] ?? 0) !== entry) break;
      bytes += this.#process(entry, index, hub.topic, selection, groups);
      (this.sequences[index] as number)++;
    }
    this.#before = before;
    for (const group of groups) for (const stream of group.streams) this.#pending.add(stream);
    for (const group of groups) await this.#write(group);
    this.#before = undefined;
    this.#pending.clear();
    for (const stream of this.catchingUp) if (!stream.isBlocked) stream.wake();
    return this.isBehind;
  }

  /** Continues at the head of a hub whose entries were removed before the feed processed them: its streams read the log. */
  #skipTo(index: number, hub: Hub): void {
    for (const stream of this.#streams()) stream.leaveFeed();
    const place = this.places[index] as Place;
    (this.places as Place[])[index] = hub.head.clone(place.isSingle ? place.first : undefined);
    this.sequences[index] = hub.ring.end;
    this.#position = undefined;
  }

  /** Finds the next entries, and what the filter selects of them. */
  async #next(): Promise<Found[]> {
    const found: Found[] = [];
    let bytes = 0;
    // Each round begins with another topic, so that a busy one does not delay the others.
    const hubs = [...this.hubs.entries()];
    hubs.push(...hubs.splice(0, this.#count++ % hubs.length));
    for (const [index, hub] of hubs) {
      if ((this.sequences[index] ?? 0) < hub.ring.first) this.#skipTo(index, hub);
      for (let sequence = this.sequences[index] ?? 0; bytes < ROUND_BYTES; sequence++) {
        const entry = hub.ring.get(sequence);
        if (!entry) break;
        bytes += entry.bytes;
        const isFiltered = entry.kind === "records" && concerns(this.places[index] as Place, entry);
        const selection = this.filter && isFiltered ? await this.filter.select(entry) : undefined;
        found.push({ entry, index, selection });
      }
    }
    return found;
  }

  /** Adds the events of an entry to the groups, and moves the place. @returns the largest number of bytes added to one */
  #process(
    entry: Entry,
    index: number,
    topic: string,
    selection: Selection | undefined,
    groups: Set<StreamGroup>,
  ): number {
    const place = this.places[index] as Place;
    if (!concerns(place, entry)) return 0;
    let largest = 0;
    if (entry.kind === "records" && entry.records.length > 0) {
      for (const [group, key] of this.#groupsFor(entry)) {
        const selected = select(entry, key, selection, place.offset(entry.partition));
        const at = { topic, index, position: this.position };
        const made = recordEvents(entry, selected, at, group.format);
        if (!made) continue;
        groups.add(group);
        largest = Math.max(largest, group.add(made));
      }
    }
    const event = advance(place, entry, topic);
    this.#position = undefined;
    if (event)
      for (const group of this.#groups()) {
        groups.add(group);
        group.add(namedEvent(group.format, event.event, event.data, this.position));
      }
    return largest;
  }

  async #write(group: StreamGroup): Promise<void> {
    const made = group.take();
    for (const stream of [...group.streams]) {
      if (!this.#pending.has(stream)) continue;
      if (stream.isBlocked) {
        stream.leaveFeed();
        continue;
      }
      stream.write(made);
      this.#counts.ringHits++;
      this.#pending.delete(stream);
      await yieldToEventLoop();
    }
  }

  #groupOf({ keyName: key, format }: EventStream): StreamGroup {
    let groups = this.#plain;
    if (key !== undefined) {
      groups = this.#keyed.get(key) ?? new Map();
      this.#keyed.set(key, groups);
    }
    const group = groups.get(format.name) ?? new StreamGroup(format);
    groups.set(format.name, group);
    return group;
  }

  /** The groups that may get records of an entry, with their keys. Finds them by key, without comparisons. */
  *#groupsFor(entry: RecordsEntry): Generator<readonly [StreamGroup, string | undefined]> {
    for (const group of this.#plain.values()) yield [group, undefined];
    if (this.#keyed.size === 0) return;
    for (const key of entry.byKey.keys())
      for (const group of this.#keyed.get(key)?.values() ?? []) yield [group, key];
  }

  *#groups(): Generator<StreamGroup> {
    yield* this.#plain.values();
    for (const groups of this.#keyed.values()) yield* groups.values();
  }

  #streams(): EventStream[] {
    return [...this.#groups()].flatMap(({ streams }) => [...streams]);
  }
}
