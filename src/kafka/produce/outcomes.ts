// The table of outcomes: maps the answer for one partition in a Produce response to the outcome of its batch. Each row
// was verified on Apache Kafka or in its source code; a test covers the table.

import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import type { PartitionAnswer } from "../../wire/messages/produce.ts";
import { isOffset } from "../../wire/reader.ts";
import { shortened } from "../client/errors.ts";

/**
 * - `written`: written at the base offset of the answer
 * - `duplicate`: written by an earlier try of the same batch
 * - `open`: unknown; sending the same bytes again may settle it
 * - `unknown`: unknown, and a retry cannot settle it
 * - `stale-metadata`: not written; try again with new metadata
 * - `later`: not written; try again after a pause
 * - `split`: not written; the batch is too large
 * - `bad-records`: not written; some records are invalid, and the broker may name them
 * - `denied`: not written; an ACL is missing
 * - `refused`: not written; the broker refused the batch for another reason
 * - `sequence`: not written, if this batch was not open; the lane needs a new epoch
 */
export type Outcome =
  | "written"
  | "duplicate"
  | "open"
  | "unknown"
  | "stale-metadata"
  | "later"
  | "split"
  | "bad-records"
  | "denied"
  | "refused"
  | "sequence";

const CODES: Readonly<Record<number, Outcome>> = {
  [KafkaCode.NONE]: "written",
  [KafkaCode.CORRUPT_MESSAGE]: "later",
  [KafkaCode.LEADER_NOT_AVAILABLE]: "stale-metadata",
  [KafkaCode.REQUEST_TIMED_OUT]: "open",
  [KafkaCode.REPLICA_NOT_AVAILABLE]: "stale-metadata",
  [KafkaCode.MESSAGE_TOO_LARGE]: "split",
  [KafkaCode.RECORD_LIST_TOO_LARGE]: "split",
  [KafkaCode.NOT_ENOUGH_REPLICAS]: "later",
  [KafkaCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND]: "open",
  [KafkaCode.TOPIC_AUTHORIZATION_FAILED]: "denied",
  [KafkaCode.CLUSTER_AUTHORIZATION_FAILED]: "denied",
  [KafkaCode.INVALID_TIMESTAMP]: "bad-records",
  [KafkaCode.INVALID_REQUEST]: "refused",
  [KafkaCode.UNSUPPORTED_FOR_MESSAGE_FORMAT]: "refused",
  [KafkaCode.POLICY_VIOLATION]: "bad-records",
  [KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER]: "sequence",
  [KafkaCode.DUPLICATE_SEQUENCE_NUMBER]: "duplicate",
  [KafkaCode.INVALID_PRODUCER_EPOCH]: "sequence",
  [KafkaCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED]: "denied",
  [KafkaCode.KAFKA_STORAGE_ERROR]: "open",
  [KafkaCode.UNKNOWN_PRODUCER_ID]: "sequence",
  [KafkaCode.UNSUPPORTED_COMPRESSION_TYPE]: "refused",
  [KafkaCode.INVALID_RECORD]: "bad-records",
};

/** Returns the outcome of a batch that was not open before this answer. */
export function outcomeOf(errorCode: number, baseOffset: number): Outcome {
  // The broker also returns these two codes after it has appended the batch, when the leader changed while it waited
  // for a follower. The base offset distinguishes the two cases (the conformance suite verifies this).
  if (errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === KafkaCode.NOT_LEADER_OR_FOLLOWER)
    return baseOffset === -1 ? "stale-metadata" : "open";
  return CODES[errorCode] ?? "unknown";
}

/**
 * As `outcomeOf`, but also checks the base offset. If the offset is impossible, the outcome is `open`, and the batch is sent again: a
 * broker that has already written it responds with the offset.
 */
export function outcomeOfAnswer({ errorCode, baseOffset }: PartitionAnswer): Outcome {
  const outcome = outcomeOf(errorCode, baseOffset);
  return outcome === "written" && !isOffset(baseOffset) ? "open" : outcome;
}

/** Formats the error code and the message of an answer, such as `87 INVALID_RECORD (a null key)`. */
export function reasonOf({ errorCode, errorMessage }: PartitionAnswer): string {
  return `${kafkaErrorName(errorCode)}${errorMessage ? ` (${shortened(errorMessage)})` : ""}`;
}

/** The records of a batch that the broker names as invalid, and why. @param count the number of records in the batch */
export function namedRecords({ recordErrors }: PartitionAnswer, count: number): Map<number, string | null> {
  const named = recordErrors.filter(({ batchIndex }) => batchIndex >= 0 && batchIndex < count);
  return new Map(
    named.map(({ batchIndex, message }) => [batchIndex, message === null ? null : shortened(message)]),
  );
}
