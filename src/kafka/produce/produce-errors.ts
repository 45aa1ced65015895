// Errors for records that were not appended, or whose outcome is unknown. A message names the topic and the next step.

import { OnrampError } from "../../core/errors.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { denied } from "../client/problems.ts";

/** 50401: the record may have been written. */
export function unknownOutcome(topic: string, partition: number, reason?: string): OnrampError {
  const why = reason ? ` Last error: ${reason}.` : "";
  return new OnrampError(
    50401,
    `Kafka did not confirm the record for ${topic}/${partition} in time: it may or may not have been written, and a retry may duplicate it.${why}`,
  );
}

/**
 * 50302 when in-sync `replicas` are missing, otherwise 50301: the record was not written before the deadline.
 */
export function notWritten(
  topic: string,
  partition: number,
  replicas: boolean,
  reason?: string,
): OnrampError {
  const why = reason ? ` Last error: ${reason}.` : "";
  if (replicas) {
    return new OnrampError(
      50302,
      `${topic}/${partition} has fewer in-sync replicas than its min.insync.replicas; nothing was written. Try again after Retry-After.${why}`,
    );
  }
  return new OnrampError(
    50301,
    `Kafka did not accept the record for ${topic}/${partition} in time; nothing was written. Try again after Retry-After.${why}`,
  );
}

/** 41301: the broker refused the record as too large. */
export function tooLarge(topic: string, reason: string): OnrampError {
  return new OnrampError(
    41301,
    `The record is larger than topic "${topic}" allows (${reason}). Send a smaller record, or raise the topic's max.message.bytes.`,
  );
}

/**
 * 41301: the record exceeds the limit of the topic; checked before the append.
 *
 * @param size, limit in bytes
 */
export function largerThanLimit(topic: string, size: number, limit: number): OnrampError {
  return new OnrampError(
    41301,
    `The record takes ${size} bytes, but topic "${topic}" allows ${limit} (max.message.bytes). Send a smaller record, or raise the topic's limit.`,
  );
}

/** 40001: the broker refused the record as invalid. */
export function badRecord(topic: string, reason?: string): OnrampError {
  return new OnrampError(
    40001,
    `Kafka refused the record for topic "${topic}"${reason ? `: ${reason}` : ""}. Correct the record: Kafka would refuse the same record again.`,
  );
}

/** 40301: an ACL is missing, which the message names. */
export function deniedWrite(topic: string, code: number): OnrampError {
  if (code !== KafkaCode.CLUSTER_AUTHORIZATION_FAILED) return denied(topic, "Write");
  return new OnrampError(
    40301,
    `Kafka does not let Onramp's user write as an idempotent producer: it needs the ACL "IdempotentWrite" on the cluster, or "Write" on topic "${topic}".`,
  );
}

/** 40301: Onramp may not use a transactional id. */
export function deniedTransaction(id: string): OnrampError {
  return new OnrampError(
    40301,
    `Kafka does not authorize Onramp's user to use the transactional id "${id}": it needs the ACL "Write" on the transactional id.`,
  );
}

/** 50001: Kafka refuses the transactions of a transactional id. @param reason with the next step, without a full stop */
export function refusedTransaction(id: string, reason: string): OnrampError {
  return new OnrampError(50001, `Kafka refuses the transactions of "${id}": ${reason}.`);
}

/** 50001: the broker refused the record for another reason. */
export function refusedByBroker(topic: string, reason: string): OnrampError {
  return new OnrampError(
    50001,
    `Kafka refused the record for topic "${topic}": ${reason}. Nothing was written. Ask the operator of the cluster.`,
  );
}

/** The error of records that cannot be sent, because Kafka refuses to assign a producer id. @param code of InitProducerId */
export function refusedProducer(topic: string, code: number): OnrampError {
  if (code === KafkaCode.CLUSTER_AUTHORIZATION_FAILED) return deniedWrite(topic, code);
  return refusedByBroker(topic, `it assigns no producer id (InitProducerId: ${kafkaErrorName(code)})`);
}

/** 50001: Onramp and the broker have no version of an API in common. */
export function unusableKafka(reason: string): OnrampError {
  return new OnrampError(50001, `Kafka cannot be used: ${reason}. Nothing was written.`);
}

/** 40402: the topic does not have the partition. */
export function noSuchPartition(topic: string, partition: number, partitions: number): OnrampError {
  return new OnrampError(
    40402,
    `Topic "${topic}" has no partition ${partition}; its partitions are 0 to ${partitions - 1}.`,
  );
}
