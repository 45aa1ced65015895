// Committed offsets in OffsetCommit and OffsetFetch. The id of the topic is stored as the metadata of an offset, so that
// an offset of a topic that was deleted and recreated is recognized.

import { KafkaCode } from "../../wire/error-codes.ts";
import { isOffset } from "../../wire/reader.ts";
import { groupBy, type TopicPartition } from "../client/topic-partition.ts";
import type { Position } from "./position-fault.ts";

/** A topic id in the form that Kafka's tools print: 16 bytes in base64url. */
const TOPIC_ID = /^[A-Za-z0-9_-]{22}$/;

/** The metadata of an offset that is to be determined: the group starts at this time, in milliseconds since 1970. */
const START_AT = /^start-at:(\d+)$/;

/** What OffsetFetch returned for a partition. */
export interface Committed {
  /** The committed position; undefined where the group has committed none, or has committed `startAt`. */
  readonly position: Position | undefined;
  /**
   * When the group began to need an offset that could not be determined then, because the partition had no leader. The
   * group reads the records that were written since. Milliseconds since 1970; 0 for all records.
   */
  readonly startAt: number | undefined;
  /** The error code of the answer for this partition. */
  readonly errorCode: number;
}

/** The topics of an OffsetCommit request. @param positions the position of the next record per partition */
export function topicsToCommit(positions: ReadonlyMap<TopicPartition, Position>) {
  return groupBy([...positions], ([{ topic }]) => topic).map(([name, entries]) => ({
    name,
    partitions: entries.map(([{ partition }, { offset, epoch, topicId }]) => ({
      partition,
      offset,
      leaderEpoch: epoch,
      metadata: topicId ?? "",
    })),
  }));
}

/** The position to commit for a partition whose start offset cannot be determined yet. @param at see `startAt` */
export const undetermined = (at: number): Position => ({ offset: 0, epoch: -1, topicId: `start-at:${at}` });

/** The topics of an OffsetFetch request. */
export function topicsToFetch(partitions: readonly TopicPartition[]) {
  return groupBy(partitions, ({ topic }) => topic).map(([name, own]) => ({
    name,
    partitions: own.map(({ partition }) => partition),
  }));
}

interface Answers<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}

/** Returns the answer per partition; partitions without one are left out. */
function answersFor<T extends TopicPartition, P extends { readonly partition: number }>(
  answer: readonly Answers<P>[],
  partitions: Iterable<T>,
): [T, P][] {
  const byPlace = new Map(
    answer.flatMap(({ name, partitions: parts }) =>
      parts.map((part) => [`${name}/${part.partition}`, part] as const),
    ),
  );
  return [...partitions].flatMap((wanted): [T, P][] => {
    const part = byPlace.get(`${wanted.topic}/${wanted.partition}`);
    return part ? [[wanted, part]] : [];
  });
}

/** The committed position per partition in the answer to OffsetFetch. */
export function committedIn<T extends TopicPartition>(
  answer: readonly Answers<{
    readonly partition: number;
    readonly offset: number;
    readonly leaderEpoch: number;
    readonly metadata: string | null;
    readonly errorCode: number;
  }>[],
  partitions: readonly T[],
): Map<T, Committed> {
  return new Map(
    answersFor(answer, partitions).map(([wanted, { offset, leaderEpoch, metadata, ...part }]) => {
      // An impossible offset is an error, not a missing commit: the group may have a committed offset, which must not be overwritten.
      const isKnown = offset === -1 || isOffset(offset) || part.errorCode !== KafkaCode.NONE;
      const errorCode = isKnown ? part.errorCode : KafkaCode.UNKNOWN_SERVER_ERROR;
      const topicId = metadata !== null && TOPIC_ID.test(metadata) ? metadata : undefined;
      const [, at] = START_AT.exec(metadata ?? "") ?? [];
      const isCommitted = errorCode === KafkaCode.NONE && offset >= 0 && at === undefined;
      const position = isCommitted ? { offset, epoch: leaderEpoch, topicId } : undefined;
      return [wanted, { position, startAt: at === undefined ? undefined : Number(at), errorCode }];
    }),
  );
}

/** The error code per partition in the answer to OffsetCommit. */
export function commitErrorsIn<T extends TopicPartition>(
  answer: readonly Answers<{ readonly partition: number; readonly errorCode: number }>[],
  partitions: Iterable<T>,
): Map<T, number> {
  return new Map(answersFor(answer, partitions).map(([wanted, { errorCode }]) => [wanted, errorCode]));
}
