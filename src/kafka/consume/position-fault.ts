// What happened to the position of a reader, or to its partition, as a value. The owner of the reader decides what to do.

import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import type { TopicPartition } from "../client/topic-partition.ts";

/** A position in a partition. */
export interface Position {
  /** The offset of the next record. */
  readonly offset: number;
  /** The leader epoch of the last record that was read; for a start offset, the one of ListOffsets; -1 if not known. */
  readonly epoch: number;
  /** The id of the topic that the offset belongs to; undefined if it is not known. */
  readonly topicId: string | undefined;
}

/**
 * A position from which reading cannot continue. Nothing is read until the owner calls `seek`.
 *
 * - `out-of-range`: the partition does not have the offset: retention removed it, or the partition ends before it
 * - `truncated`: the log lost records that were read; it diverges from them at `endOffset`
 * - `recreated`: the topic was deleted and created again, with the id `topicId`
 */
export type LostPosition =
  | { readonly reason: "out-of-range" }
  | { readonly reason: "truncated"; readonly endOffset: number; readonly epoch: number }
  | { readonly reason: "recreated"; readonly topicId: string };

/** A partition that cannot be read now. Reading resumes when the cause is resolved. */
export interface BlockedPartition {
  readonly reason: "deleted" | "unauthorized" | "no-leader" | "unreadable" | "unavailable" | "no-memory";
  /** The code of the answer, or what else is known. */
  readonly detail: string;
}

/** How long a fault must last before it is shown, in milliseconds. Elections of leaders end sooner. */
export const SHOWN_AFTER_MS: Readonly<Record<BlockedPartition["reason"], number>> = {
  deleted: 2000,
  unauthorized: 0,
  unreadable: 0,
  "no-leader": 3000,
  unavailable: 4000,
  "no-memory": 5000,
};

/** The fault of a partition that waits for `kafka.readBudget`. */
export const NO_MEMORY: BlockedPartition = { reason: "no-memory", detail: "kafka.readBudget" };

export type PositionFault = LostPosition | BlockedPartition;

const LOST: readonly PositionFault["reason"][] = ["out-of-range", "truncated", "recreated"];

/** Whether the owner must decide where to continue. */
export const isLost = (fault: PositionFault | undefined): fault is LostPosition =>
  fault !== undefined && LOST.includes(fault.reason);

/** Codes after which another broker may be the leader, or be it soon. */
const LEADER: readonly number[] = [
  KafkaCode.LEADER_NOT_AVAILABLE,
  KafkaCode.NOT_LEADER_OR_FOLLOWER,
  KafkaCode.REPLICA_NOT_AVAILABLE,
  KafkaCode.FENCED_LEADER_EPOCH,
  KafkaCode.UNKNOWN_LEADER_EPOCH,
];
const UNREADABLE: readonly number[] = [
  KafkaCode.CORRUPT_MESSAGE,
  KafkaCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  KafkaCode.UNSUPPORTED_COMPRESSION_TYPE,
];
const GONE: readonly number[] = [
  KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
  KafkaCode.UNKNOWN_TOPIC_ID,
  KafkaCode.INCONSISTENT_TOPIC_ID,
];

/** Returns the fault for an error code of a Fetch or Metadata response. */
export function faultOf(code: number): PositionFault {
  if (code === KafkaCode.OFFSET_OUT_OF_RANGE) return { reason: "out-of-range" };
  const detail = kafkaErrorName(code);
  if (GONE.includes(code)) return { reason: "deleted", detail };
  if (code === KafkaCode.TOPIC_AUTHORIZATION_FAILED) return { reason: "unauthorized", detail };
  if (LEADER.includes(code)) return { reason: "no-leader", detail };
  if (UNREADABLE.includes(code)) return { reason: "unreadable", detail };
  return { reason: "unavailable", detail };
}

/** Describes a fault for operators: the topic, the partition, the code with its name, and the next step. */
export function describeFault(
  { topic, partition }: TopicPartition,
  offset: number,
  fault: PositionFault,
): string {
  const name = `${topic}/${partition}`;
  switch (fault.reason) {
    case "out-of-range":
      return `${name} does not have the offset ${offset} (${kafkaErrorName(KafkaCode.OFFSET_OUT_OF_RANGE)}).`;
    case "truncated":
      return `${name} lost records that had already been read: the log diverges at offset ${fault.endOffset}, and the position was ${offset}.`;
    case "recreated":
      return `Topic "${topic}" was recreated.`;
    case "deleted":
      return `${name} does not exist (${fault.detail}): topic "${topic}" was deleted, or has fewer partitions than before. Recreate it, or remove it from the configuration; a recreated topic is read from its first record.`;
    case "unauthorized":
      return `${name} can't be read (${fault.detail}). Give Onramp's user the ACL "Read" on topic "${topic}".`;
    case "no-leader":
      return `${name} has no leader that answers (${fault.detail}). Check the brokers that have its replicas; reading resumes when one of them becomes the leader.`;
    case "unreadable":
      return `${name} can't be read at offset ${offset}: ${fault.detail}. The other partitions are read. Stop all replicas of Onramp and move the consumer group past the batch (kafka-consumer-groups --reset-offsets), or correct the cause.`;
    case "no-memory":
      return `${name} waits for memory: the records that wait for delivery use all of ${fault.detail}. Check the receivers of the sinks, or increase ${fault.detail}.`;
    case "unavailable":
      return `${name} can't be read now (${fault.detail}). Check the broker that leads the partition; Onramp retries.`;
  }
}

/** As `describeFault`, for a partition that is read for streams of events: there is no consumer group to move. */
export const describeTailFault = (place: TopicPartition, offset: number, fault: BlockedPartition): string =>
  fault.reason === "unreadable"
    ? `${place.topic}/${place.partition} can't be read at offset ${offset}: ${fault.detail}. Streams of events get no more records of this partition; correct the cause.`
    : describeFault(place, offset, fault);
