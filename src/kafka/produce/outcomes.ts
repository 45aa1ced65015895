// The table of outcomes: what one partition's answer to a Produce request means. Each row was tried on Apache
// Kafka or read in its source; a test walks the table.

import { KafkaCode } from "../../wire/error-codes.ts";

/**
 * - `written`: at the base offset of the answer
 * - `duplicate`: the broker has it from an earlier try of the same batch
 * - `open`: unknown; the same bytes may settle it
 * - `unknown`: unknown, and no retry will tell
 * - `elsewhere`: not written; ask for new metadata, try again
 * - `later`: not written; try again after a pause
 * - `split`: not written; too much in one batch
 * - `records`: not written; some records of it are at fault, the broker may name them
 * - `denied`: not written; an ACL is missing
 * - `refused`: not written; the broker's own reason
 * - `sequence`: not written, if this batch was not open; the lane needs a new epoch
 */
export type Outcome =
  | "written"
  | "duplicate"
  | "open"
  | "unknown"
  | "elsewhere"
  | "later"
  | "split"
  | "records"
  | "denied"
  | "refused"
  | "sequence";

const CODES: Readonly<Record<number, Outcome>> = {
  [KafkaCode.NONE]: "written",
  [KafkaCode.CORRUPT_MESSAGE]: "later",
  [KafkaCode.LEADER_NOT_AVAILABLE]: "elsewhere",
  [KafkaCode.REQUEST_TIMED_OUT]: "open",
  [KafkaCode.REPLICA_NOT_AVAILABLE]: "elsewhere",
  [KafkaCode.MESSAGE_TOO_LARGE]: "split",
  [KafkaCode.RECORD_LIST_TOO_LARGE]: "split",
  [KafkaCode.NOT_ENOUGH_REPLICAS]: "later",
  [KafkaCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND]: "open",
  [KafkaCode.TOPIC_AUTHORIZATION_FAILED]: "denied",
  [KafkaCode.CLUSTER_AUTHORIZATION_FAILED]: "denied",
  [KafkaCode.INVALID_TIMESTAMP]: "records",
  [KafkaCode.INVALID_REQUEST]: "refused",
  [KafkaCode.UNSUPPORTED_FOR_MESSAGE_FORMAT]: "refused",
  [KafkaCode.POLICY_VIOLATION]: "records",
  [KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER]: "sequence",
  [KafkaCode.DUPLICATE_SEQUENCE_NUMBER]: "duplicate",
  [KafkaCode.INVALID_PRODUCER_EPOCH]: "sequence",
  [KafkaCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED]: "denied",
  [KafkaCode.KAFKA_STORAGE_ERROR]: "open",
  [KafkaCode.UNKNOWN_PRODUCER_ID]: "sequence",
  [KafkaCode.UNSUPPORTED_COMPRESSION_TYPE]: "refused",
  [KafkaCode.INVALID_RECORD]: "records",
};

/** What an answer means for a batch that is not open. */
export function outcomeOf(errorCode: number, baseOffset: number): Outcome {
  // These two come after the append too, when leadership moved while the leader waited for a follower; the base
  // offset tells (pinned by the conformance suite).
  if (errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === KafkaCode.NOT_LEADER_OR_FOLLOWER)
    return baseOffset === -1 ? "elsewhere" : "open";
  return CODES[errorCode] ?? "unknown";
}
