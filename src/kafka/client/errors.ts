// Kafka's error numbers by name, and the two ways in which a broker fails us.

/** Names from Kafka's protocol guide, "Error Codes"; those that a message of ours may show. */
const NAMES: Readonly<Record<number, string>> = {
  [-1]: "UNKNOWN_SERVER_ERROR",
  2: "CORRUPT_MESSAGE",
  3: "UNKNOWN_TOPIC_OR_PARTITION",
  5: "LEADER_NOT_AVAILABLE",
  6: "NOT_LEADER_OR_FOLLOWER",
  7: "REQUEST_TIMED_OUT",
  9: "REPLICA_NOT_AVAILABLE",
  10: "MESSAGE_TOO_LARGE",
  14: "COORDINATOR_LOAD_IN_PROGRESS",
  15: "COORDINATOR_NOT_AVAILABLE",
  16: "NOT_COORDINATOR",
  17: "INVALID_TOPIC_EXCEPTION",
  18: "RECORD_LIST_TOO_LARGE",
  19: "NOT_ENOUGH_REPLICAS",
  20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  29: "TOPIC_AUTHORIZATION_FAILED",
  31: "CLUSTER_AUTHORIZATION_FAILED",
  32: "INVALID_TIMESTAMP",
  33: "UNSUPPORTED_SASL_MECHANISM",
  42: "INVALID_REQUEST",
  43: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  44: "POLICY_VIOLATION",
  45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
  46: "DUPLICATE_SEQUENCE_NUMBER",
  47: "INVALID_PRODUCER_EPOCH",
  53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  56: "KAFKA_STORAGE_ERROR",
  58: "SASL_AUTHENTICATION_FAILED",
  59: "UNKNOWN_PRODUCER_ID",
  76: "UNSUPPORTED_COMPRESSION_TYPE",
  87: "INVALID_RECORD",
};

/** `19 NOT_ENOUGH_REPLICAS`, for messages. */
export function kafkaErrorName(code: number): string {
  return `${code} ${NAMES[code] ?? "(see Kafka's protocol guide)"}`;
}

/** A connection could not be had, was lost, or timed out. */
export class BrokerGone extends Error {
  override readonly name = "BrokerGone";
  /** True when the request may have reached the broker, so that its outcome is unknown. */
  readonly sent: boolean;
  /** True when it was a request that outlasted its time, not the connection that failed. */
  readonly timedOut: boolean;

  constructor(message: string, facts: { sent: boolean; timedOut?: boolean; cause?: unknown }) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.sent = facts.sent;
    this.timedOut = facts.timedOut ?? false;
  }
}

/** A broker answered a request as a whole with an error code. */
export class BrokerRefused extends Error {
  override readonly name = "BrokerRefused";
  readonly code: number;

  constructor(doing: string, code: number, reason?: string | null) {
    super(`${doing}: ${kafkaErrorName(code)}${reason ? `: ${reason}` : ""}`);
    this.code = code;
  }
}
