// The place of a stream in one topic: the next offset and the leader epoch of every partition that it reads.

import { createHash } from "node:crypto";
import { type FollowedTopic, FROM_FIRST, type PartitionOffset } from "../core/live.ts";

/** The lengths of the hashes that identify a topic in a position, in bytes. */
export const NAME_BYTES = 4;
export const ID_BYTES = 8;
const NO_ID = "\0".repeat(ID_BYTES);

/** Identifies a topic: a hash of its name, and one of its id, as latin1 characters. A topic that is recreated gets another id. */
export interface TopicKey {
  readonly name: string;
  /** Zeros when the broker has no topic ids. */
  readonly id: string;
}

/** Identifies a topic in positions. */
export const topicKey = (topic: string, id: string | undefined): TopicKey => ({
  name: hash(topic, NAME_BYTES),
  id: id === undefined ? NO_ID : hash(id, ID_BYTES),
});

/** Whether the broker has topic ids. Otherwise equal keys do not show that the topic was not recreated. */
export const hasId = ({ id }: TopicKey): boolean => id !== NO_ID;

const hash = (text: string, bytes: number): string =>
  createHash("sha256").update(text).digest().toString("latin1", 0, bytes);

/** A place in one topic. Offsets may be negative: see `offsetForTime`. */
export class Place {
  /** Replaced when the topic is recreated. */
  key: TopicKey;
  /** The first partition. Others follow, unless the stream reads this one alone. */
  readonly first: number;
  /** Whether the stream reads one partition alone. */
  readonly isSingle: boolean;
  readonly offsets: number[];
  readonly epochs: number[];

  constructor(key: TopicKey, starts: readonly PartitionOffset[], single?: number) {
    this.key = key;
    this.first = single ?? 0;
    this.isSingle = single !== undefined;
    this.offsets = starts.map(({ offset }) => offset);
    this.epochs = starts.map(({ epoch }) => epoch);
  }

  /** Returns a copy. @param single the partition to which the copy is restricted, if it is given */
  clone(single?: number): Place {
    if (single !== undefined && !this.isSingle) return new Place(this.key, [this.at(single)], single);
    const copy = new Place(this.key, [], this.isSingle ? this.first : undefined);
    copy.offsets.push(...this.offsets);
    copy.epochs.push(...this.epochs);
    return copy;
  }

  /** The partitions, in order. */
  get partitions(): number[] {
    return this.offsets.map((_, index) => this.first + index);
  }

  includes(partition: number): boolean {
    return this.isSingle ? partition === this.first : partition < this.offsets.length;
  }

  /** The offset of a partition. A partition that was added later begins at its first record. */
  at(partition: number): PartitionOffset {
    const offset = this.offsets[partition - this.first];
    return offset === undefined ? FROM_FIRST : { offset, epoch: this.epochs[partition - this.first] ?? -1 };
  }

  offset(partition: number): number {
    return this.offsets[partition - this.first] ?? FROM_FIRST.offset;
  }

  /** Sets the offset of a partition. Partitions before it that are not known yet begin at their first record. */
  set(partition: number, { offset, epoch }: PartitionOffset): void {
    const index = partition - this.first;
    while (this.offsets.length < index) {
      this.offsets.push(FROM_FIRST.offset);
      this.epochs.push(FROM_FIRST.epoch);
    }
    this.offsets[index] = offset;
    this.epochs[index] = epoch;
  }

  /** Continues at the first records of a topic that was recreated. */
  restart(key: TopicKey, starts: FollowedTopic["starts"]): void {
    this.key = key;
    const own = this.isSingle ? [starts[this.first] ?? FROM_FIRST] : starts;
    this.offsets.length = 0;
    this.epochs.length = 0;
    for (const { offset, epoch } of own) {
      this.offsets.push(offset);
      this.epochs.push(epoch);
    }
  }

  /** Whether both places are in the same topic and have the same offsets. */
  equals(other: Place): boolean {
    return (
      this.key.id === other.key.id &&
      this.offsets.length === other.offsets.length &&
      this.offsets.every((offset, index) => offset === other.offsets[index])
    );
  }
}
