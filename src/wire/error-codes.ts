// Defines the Kafka error codes that the client, the development broker or the tests use. Names, codes and
// retriability follow Kafka's protocol guide, "Error Codes".

const TABLE = {
  UNKNOWN_SERVER_ERROR: [-1, false],
  NONE: [0, false],
  OFFSET_OUT_OF_RANGE: [1, false],
  CORRUPT_MESSAGE: [2, true],
  UNKNOWN_TOPIC_OR_PARTITION: [3, true],
  LEADER_NOT_AVAILABLE: [5, true],
  NOT_LEADER_OR_FOLLOWER: [6, true],
  REQUEST_TIMED_OUT: [7, true],
  REPLICA_NOT_AVAILABLE: [9, true],
  MESSAGE_TOO_LARGE: [10, false],
  COORDINATOR_LOAD_IN_PROGRESS: [14, true],
  COORDINATOR_NOT_AVAILABLE: [15, true],
  NOT_COORDINATOR: [16, true],
  INVALID_TOPIC_EXCEPTION: [17, false],
  RECORD_LIST_TOO_LARGE: [18, false],
  NOT_ENOUGH_REPLICAS: [19, true],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: [20, true],
  INVALID_REQUIRED_ACKS: [21, false],
  ILLEGAL_GENERATION: [22, false],
  INCONSISTENT_GROUP_PROTOCOL: [23, false],
  INVALID_GROUP_ID: [24, false],
  UNKNOWN_MEMBER_ID: [25, false],
  INVALID_SESSION_TIMEOUT: [26, false],
  REBALANCE_IN_PROGRESS: [27, false],
  TOPIC_AUTHORIZATION_FAILED: [29, false],
  GROUP_AUTHORIZATION_FAILED: [30, false],
  CLUSTER_AUTHORIZATION_FAILED: [31, false],
  INVALID_TIMESTAMP: [32, false],
  UNSUPPORTED_SASL_MECHANISM: [33, false],
  UNSUPPORTED_VERSION: [35, false],
  TOPIC_ALREADY_EXISTS: [36, false],
  INVALID_PARTITIONS: [37, false],
  INVALID_REPLICATION_FACTOR: [38, false],
  INVALID_REPLICA_ASSIGNMENT: [39, false],
  INVALID_CONFIG: [40, false],
  INVALID_REQUEST: [42, false],
  UNSUPPORTED_FOR_MESSAGE_FORMAT: [43, false],
  POLICY_VIOLATION: [44, false],
  OUT_OF_ORDER_SEQUENCE_NUMBER: [45, false],
  DUPLICATE_SEQUENCE_NUMBER: [46, false],
  INVALID_PRODUCER_EPOCH: [47, false],
  INVALID_TXN_STATE: [48, false],
  INVALID_PRODUCER_ID_MAPPING: [49, false],
  INVALID_TRANSACTION_TIMEOUT: [50, false],
  CONCURRENT_TRANSACTIONS: [51, true],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [53, false],
  OPERATION_NOT_ATTEMPTED: [55, false],
  KAFKA_STORAGE_ERROR: [56, true],
  SASL_AUTHENTICATION_FAILED: [58, false],
  UNKNOWN_PRODUCER_ID: [59, false],
  NON_EMPTY_GROUP: [68, false],
  GROUP_ID_NOT_FOUND: [69, false],
  FENCED_LEADER_EPOCH: [74, true],
  UNKNOWN_LEADER_EPOCH: [75, true],
  UNSUPPORTED_COMPRESSION_TYPE: [76, false],
  MEMBER_ID_REQUIRED: [79, false],
  FENCED_INSTANCE_ID: [82, false],
  INVALID_RECORD: [87, false],
  PRODUCER_FENCED: [90, false],
  UNKNOWN_TOPIC_ID: [100, true],
  INCONSISTENT_TOPIC_ID: [103, true],
} as const satisfies Record<string, readonly [code: number, retriable: boolean]>;

type Name = keyof typeof TABLE;

const rows = Object.entries(TABLE) as unknown as [Name, readonly [code: number, retriable: boolean]][];
const byCode = new Map(rows.map(([name, [code, retriable]]) => [code, { name, retriable }]));

/** Error codes by name, such as `KafkaCode.NOT_COORDINATOR`. */
export const KafkaCode = Object.fromEntries(rows.map(([name, [code]]) => [name, code])) as {
  readonly [N in Name]: (typeof TABLE)[N][0];
};

/** Formats a code with its name for messages, such as `19 NOT_ENOUGH_REPLICAS`. */
export function kafkaErrorName(code: number): string {
  return `${code} ${byCode.get(code)?.name ?? "(see Kafka's protocol guide)"}`;
}

/** Whether the same request may succeed later. A code that is not in the table counts as not retriable. */
export function isRetriable(code: number): boolean {
  return byCode.get(code)?.retriable ?? false;
}
