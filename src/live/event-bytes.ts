// Builds the bytes of events: the ids for one stream, or for streams at the same place, and the rest, which all streams share.

import type { EventFormat } from "../core/live.ts";
import { exactBuffer, type RecordsEntry, type Selection } from "./entry.ts";
import { encodeChange } from "./position.ts";

/** Events that several streams write. */
export interface EventBytes {
  readonly bytes: Buffer;
  readonly events: number;
}

/** The topic of an entry, and the position before it, in one stream. */
export interface EventPlace {
  readonly topic: string;
  /** The index of the topic in the stream. */
  readonly index: number;
  /** The position of the stream before the entry. */
  readonly position: string;
}

/** Builds the events of the selected records of an entry. @returns undefined when there are none */
export function recordEvents(
  entry: RecordsEntry,
  { indices, skipped }: Selection,
  { topic, index: topicIndex, position }: EventPlace,
  format: EventFormat,
): EventBytes | undefined {
  if (indices.length === 0) return undefined;
  const { partition, records, next } = entry;
  const { bytes: shared, ends } = entry.rendered(format);
  const starts: string[] = [];
  let size = 0;
  for (const index of indices) {
    const offset = records[index]?.offset ?? 0;
    const id = position + encodeChange(topicIndex, partition, offset + 1, next.epoch);
    const start = format.idStart + id + format.idEnd;
    const reason = skipped.get(index);
    const text =
      reason === undefined ? start : start + format.named("skipped", { topic, partition, offset, reason });
    starts.push(text);
    size += text.length + (reason === undefined ? lengthAt(ends, index) : 0);
  }
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const [n, index] of indices.entries()) {
    at += bytes.write(starts[n] as string, at, "latin1");
    const end = ends[index] as number;
    if (!skipped.has(index)) at += shared.copy(bytes, at, end - lengthAt(ends, index), end);
  }
  return { bytes, events: indices.length };
}

const lengthAt = (ends: Uint32Array, index: number): number => (ends[index] ?? 0) - (ends[index - 1] ?? 0);

/** Builds a named event. @param position the position after the event */
export function namedEvent(format: EventFormat, event: string, data: object, position: string): EventBytes {
  return {
    bytes: exactBuffer(format.idStart + position + format.idEnd + format.named(event, data)),
    events: 1,
  };
}
