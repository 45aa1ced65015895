// The entries of a ring: records or changes of one partition, or of the whole topic.

import type { EventFormat, FollowedTopic, PartitionOffset } from "../core/live.ts";
import type { ConsumedRecord } from "../core/ports.ts";
import type { TopicKey } from "./place.ts";

/** An entry of a ring. */
export type Entry = RecordsEntry | PartitionChange | Recreated;

/** The offset of a partition became known, retention removed records, or the log lost records. */
export interface PartitionChange {
  readonly kind: "start" | "gap" | "truncated";
  readonly partition: number;
  /** The offset before the change; for `start`, the negative offset that was replaced (see `offsetForTime`). */
  readonly from: number;
  readonly next: PartitionOffset;
  readonly bytes: number;
}

/** The topic was recreated. */
export interface Recreated {
  readonly kind: "recreated";
  readonly key: TopicKey;
  readonly starts: FollowedTopic["starts"];
  readonly bytes: number;
}

/** The events of the records of an entry in one format: the rest of each event after its id. */
export interface Rendered {
  readonly bytes: Buffer;
  /** The end of each event in `bytes`. */
  readonly ends: Uint32Array;
}

/** Estimates of what is retained besides the bytes of records, in bytes: per entry, per record, per header. */
const [ENTRY_BYTES, RECORD_BYTES, HEADER_BYTES] = [400, 480, 200];

/** The size of an entry without records, in bytes. */
export const CHANGE_BYTES = ENTRY_BYTES;

/** @param from the offset before the change */
export const partitionChange = (
  kind: PartitionChange["kind"],
  partition: number,
  from: number,
  next: PartitionOffset,
): PartitionChange => ({ kind, partition, from, next, bytes: CHANGE_BYTES });

/** Records of one partition. */
export class RecordsEntry {
  readonly kind = "records";
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** The offset before the entry. The first record has this offset or a later one. */
  readonly from: number;
  readonly next: PartitionOffset;
  readonly #rendered = new Map<string, Rendered>();
  readonly #onGrow: (bytes: number) => void;
  #bytes: number;
  #byKey: Map<string, number[]> | undefined;

  /** @param onGrow called when the entry retains more bytes */
  constructor(
    partition: number,
    from: number,
    records: readonly ConsumedRecord[],
    next: PartitionOffset,
    onGrow: (bytes: number) => void,
  ) {
    this.partition = partition;
    this.from = from;
    this.records = records;
    this.next = next;
    this.#onGrow = onGrow;
    this.#bytes = ENTRY_BYTES + records.reduce((sum, record) => sum + retainedBy(record), 0);
  }

  /** What the entry retains, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns the events of the records. Renders them once per format. */
  rendered(format: EventFormat): Rendered {
    const known = this.#rendered.get(format.name);
    if (known) return known;
    const made = render(this.records, format);
    this.#rendered.set(format.name, made);
    this.grow(made.bytes.length + made.ends.byteLength);
    return made;
  }

  /** The indices of the records, by key (see `keyName`). */
  get byKey(): ReadonlyMap<string, readonly number[]> {
    if (this.#byKey) return this.#byKey;
    const byKey = new Map<string, number[]>();
    for (const [index, { key }] of this.records.entries()) {
      if (key === null) continue;
      const name = keyName(key);
      const indices = byKey.get(name);
      if (indices) indices.push(index);
      else byKey.set(name, [index]);
    }
    this.grow(byKey.size * RECORD_BYTES);
    this.#byKey = byKey;
    return byKey;
  }

  /** Counts more bytes that are retained as long as the entry. */
  grow(bytes: number): void {
    this.#bytes += bytes;
    this.#onGrow(bytes);
  }
}

/** The indices of the records that a stream gets, and, by index, the reasons of those for which the filter gave no result. */
export interface Selection {
  readonly indices: readonly number[];
  readonly skipped: ReadonlyMap<number, string>;
}

/** The `skipped` of a selection that skips no record. */
export const NO_SKIPPED: ReadonlyMap<number, string> = new Map();
/** The selection of no record. */
export const EMPTY_SELECTION: Selection = { indices: [], skipped: NO_SKIPPED };

/** The bytes of a key as latin1 characters. */
export const keyName = (key: Buffer): string => key.toString("latin1");

function retainedBy({ key, value, headers }: ConsumedRecord): number {
  let bytes = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += HEADER_BYTES + header.key.length + (header.value?.length ?? 0);
  return bytes;
}

/** Renders the events of records. */
export function render(records: readonly ConsumedRecord[], format: EventFormat): Rendered {
  const ends = new Uint32Array(records.length);
  let text = "";
  for (const [index, record] of records.entries()) {
    text += format.record(record);
    ends[index] = text.length;
  }
  return { bytes: exactBuffer(text), ends };
}

/** The bytes of latin1 characters, in memory of their own: a part of Node's pool would retain the whole pool. */
export function exactBuffer(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, "latin1");
  return bytes;
}
