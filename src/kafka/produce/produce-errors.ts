// What we say of a record that was not, or may not have been, appended: the topic and the next step.

import { OnrampError } from "../../core/errors.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { denied } from "../client/problems.ts";

/** 504: it may have been written. */
export function unknownOutcome(topic: string, partition: number, reason?: string): OnrampError {
  const why = reason ? ` Last heard: ${reason}.` : "";
  return new OnrampError(
    50401,
    `Kafka did not confirm the record for ${topic}/${partition} in time: it may or may not have been written, and a retry may duplicate it.${why}`,
  );
}

/** 503: it was not written, by the deadline. */
export function notWritten(
  topic: string,
  partition: number,
  replicas: boolean,
  reason?: string,
): OnrampError {
  const why = reason ? ` Last heard: ${reason}.` : "";
  if (replicas) {
    return new OnrampError(
      50302,
      `${topic}/${partition} has fewer in-sync replicas than its min.insync.replicas; nothing was written. Try again after Retry-After.${why}`,
    );
  }
  return new OnrampError(
    50301,
    `Kafka did not take the record for ${topic}/${partition} in time; nothing was written. Try again after Retry-After.${why}`,
  );
}

/** 413, from the broker. */
export function tooLarge(topic: string, reason: string): OnrampError {
  return new OnrampError(
    41301,
    `The record is larger than topic "${topic}" takes (${reason}). Send less, or raise the topic's max.message.bytes.`,
  );
}

/** 413, before the append. */
export function largerThan(topic: string, size: number, limit: number): OnrampError {
  return new OnrampError(
    41301,
    `The record takes ${size} bytes and topic "${topic}" takes ${limit} (max.message.bytes). Send less, or raise the topic's limit.`,
  );
}

/** 400: the broker finds the record itself at fault. */
export function badRecord(topic: string, reason?: string): OnrampError {
  return new OnrampError(
    40001,
    `Kafka refused the record for topic "${topic}"${reason ? `: ${reason}` : ""}. Correct the record; the same one will be refused again.`,
  );
}

/** 403: the ACL that is missing. */
export function deniedWrite(topic: string, code: number): OnrampError {
  if (code !== KafkaCode.CLUSTER_AUTHORIZATION_FAILED) return denied(topic, "Write");
  return new OnrampError(
    40301,
    `Kafka does not let Onramp's user write idempotently: it needs the ACL "IdempotentWrite" on the cluster, or "Write" on topic "${topic}".`,
  );
}

/** 500: another reason of the broker's. */
export function refusedByBroker(topic: string, reason: string): OnrampError {
  return new OnrampError(
    50001,
    `Kafka refused the record for topic "${topic}": ${reason}. Nothing was written; ask whoever runs the cluster.`,
  );
}

/** 404 for a partition that the topic does not have. */
export function noSuchPartition(topic: string, partition: number, partitions: number): OnrampError {
  return new OnrampError(
    40402,
    `Topic "${topic}" has no partition ${partition}; its partitions are 0 to ${partitions - 1}.`,
  );
}
