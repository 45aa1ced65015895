// Describes why a consumer group cannot be joined, for operators.

import { messageOf } from "../../core/errors.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { BrokerRefused } from "../client/errors.ts";
import { CoordinatorLost, Rebalance } from "./group-member.ts";

/** How long a group may take to assign partitions before that is shown, in milliseconds. */
export const JOIN_SHOWN_AFTER_MS = 7000;

/** Why there is no assignment. */
export interface GroupProblem {
  readonly kind: string;
  readonly message: string;
  /** How long it must last before it is shown, in milliseconds; default: the caller's choice. */
  readonly afterMs?: number | undefined;
}

/** Describes an error of a consumer group for operators. @param rename what to do when another application uses the group, such as "give the sink another name" */
export function groupProblem(group: string, error: unknown, rename: string): GroupProblem {
  const reason = messageOf(error);
  if (error instanceof Rebalance)
    return {
      kind: "rebalance",
      message: `Consumer group "${group}" keeps rebalancing (${reason}); its members make no progress while it rebalances. ${SEE_MEMBERS}`,
    };
  if (error instanceof CoordinatorLost)
    return { kind: "coordinator", message: coordinatorProblem(group, error) };
  if (error instanceof BrokerRefused)
    return {
      kind: `code ${error.code}`,
      message: refusal(group, error, rename),
      afterMs: error.retriable ? JOIN_SHOWN_AFTER_MS : 0,
    };
  return {
    kind: "failed",
    message: `Consumer group "${group}" can't be used: ${reason}. Check that the brokers can be reached; Onramp retries.`,
  };
}

/** Describes that other members have not joined yet. */
export const waitsForMembers = (group: string): string =>
  `Consumer group "${group}" has not assigned partitions to this member yet: it waits for other members to join. ${SEE_MEMBERS}`;

/** Describes that the coordinator of a group is lost. */
export function coordinatorProblem(group: string, error: Error): string {
  return `The coordinator of consumer group "${group}" can't be reached or found (${messageOf(error)}). Check the brokers, and that every partition of the topic __consumer_offsets has a leader; Onramp retries.`;
}

const SEE_MEMBERS = "See the members with kafka-consumer-groups --describe --members.";

function refusal(group: string, { code, message }: BrokerRefused, rename: string): string {
  const name = kafkaErrorName(code);
  if (code === KafkaCode.GROUP_AUTHORIZATION_FAILED)
    return `Onramp is not authorized to join consumer group "${group}" (${name}). Give Onramp's user the ACL "Read" on it.`;
  if (code === KafkaCode.INCONSISTENT_GROUP_PROTOCOL)
    return `Consumer group "${group}" is used by another application (${name}). Stop it, or ${rename}.`;
  return `Kafka refuses consumer group "${group}": ${message}. Onramp retries.`;
}
