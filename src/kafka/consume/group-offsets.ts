// The topics of OffsetCommit and OffsetFetch requests, and the offsets in an answer.

import { KafkaCode } from "../../wire/error-codes.ts";
import { groupBy, type TopicPartition } from "../client/topic-partition.ts";

/** The topics of an OffsetCommit request. @param offsets the offset of the next record per partition */
export function topicsToCommit(offsets: ReadonlyMap<TopicPartition, number>) {
  return groupBy([...offsets], ([{ topic }]) => topic).map(([name, entries]) => ({
    name,
    partitions: entries.map(([{ partition }, offset]) => ({
      partition,
      offset,
      leaderEpoch: -1,
      metadata: "",
    })),
  }));
}

/** The topics of an OffsetFetch request. */
export function topicsToFetch(partitions: readonly TopicPartition[]) {
  return groupBy(partitions, ({ topic }) => topic).map(([name, own]) => ({
    name,
    partitions: own.map(({ partition }) => partition),
  }));
}

interface FetchedOffsets {
  readonly name: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
}

/** The offset per partition in the answer to OffsetFetch; -1 where the group has committed none. */
export function offsetsIn(
  answer: readonly FetchedOffsets[],
  partitions: readonly TopicPartition[],
): Map<TopicPartition, number> {
  const offsets = new Map<TopicPartition, number>();
  for (const wanted of partitions) {
    const topic = answer.find(({ name }) => name === wanted.topic);
    const part = topic?.partitions.find(({ partition }) => partition === wanted.partition);
    if (part) offsets.set(wanted, part.offset);
  }
  return offsets;
}

/** The first error code in the answer that is not 0; 0 when there is none. */
export function firstError(
  topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[],
): number {
  const parts = topics.flatMap(({ partitions }) => partitions);
  return parts.find(({ errorCode }) => errorCode !== KafkaCode.NONE)?.errorCode ?? KafkaCode.NONE;
}
