// Applies an entry of a ring to a stream at a place: selects its records, returns its named event, and moves the place.

import type { PartitionOffset } from "../core/live.ts";
import { EMPTY_SELECTION, type Entry, NO_SKIPPED, type RecordsEntry, type Selection } from "./entry.ts";
import { hasId, type Place } from "./place.ts";

/** Whether an entry is about a partition that the place reads. */
export const concerns = (place: Place, entry: Entry): boolean =>
  entry.kind === "recreated" || !place.isSingle || entry.partition === place.first;

/**
 * Selects the records of an entry that a stream gets.
 *
 * @param key the bytes of the key as a string, if the stream has one
 * @param filtered what the filter of the stream selected, if it has one
 * @param from the offset of the stream
 */
export function select(
  entry: RecordsEntry,
  key: string | undefined,
  filtered: Selection | undefined,
  from: number,
): Selection {
  const { records } = entry;
  let indices = key === undefined ? filtered?.indices : entry.byKey.get(key);
  if (key !== undefined && indices === undefined) return EMPTY_SELECTION;
  if (key !== undefined && filtered !== undefined) {
    const passed = new Set(filtered.indices);
    indices = indices?.filter((index) => passed.has(index));
  }
  indices ??= records.map((_, index) => index);
  const first = records[indices[0] ?? 0]?.offset ?? from;
  return {
    indices: first >= from ? indices : indices.filter((index) => (records[index]?.offset ?? 0) >= from),
    skipped: filtered?.skipped ?? NO_SKIPPED,
  };
}

/**
 * Moves a place past an entry. For records, the caller has built their events.
 *
 * @returns the named event that the stream gets, if there is one
 */
export function advance(
  place: Place,
  entry: Entry,
  topic: string,
): { readonly event: "gap" | "reset"; readonly data: object } | undefined {
  if (entry.kind === "recreated") {
    if (hasId(entry.key) && place.key.id === entry.key.id) return undefined;
    place.restart(entry.key, entry.starts);
    return { event: "reset", data: recreatedData(topic) };
  }
  const { partition, next } = entry;
  const from = place.offset(partition);
  const isBefore = from < next.offset;
  const moves =
    entry.kind === "start" ? from === entry.from : entry.kind === "truncated" ? from > next.offset : isBefore;
  if (moves) place.set(partition, next);
  if (!moves || from < 0) return undefined;
  if (entry.kind === "gap") return { event: "gap", data: gapData(topic, partition, from, next.offset) };
  if (entry.kind === "truncated")
    return { event: "reset", data: truncatedData(topic, partition, from, next) };
  return undefined;
}

/** The data of the event for records that retention removed. */
const gapData = (topic: string, partition: number, from: number, to: number): object => ({
  topic,
  partition,
  from,
  to,
});

/** The data of the event for a log that lost records. */
const truncatedData = (topic: string, partition: number, from: number, to: PartitionOffset): object => ({
  topic,
  partition,
  reason: "truncated",
  from,
  to: to.offset,
  message: `The log lost the records from offset ${to.offset} on, such as in an unclean leader election; the stream continues there.`,
});

/** The data of the event for a topic that was recreated. */
const recreatedData = (topic: string): object => ({
  topic,
  reason: "recreated",
  message:
    "The topic was deleted and created again; the stream continues with the first record of the new topic.",
});
