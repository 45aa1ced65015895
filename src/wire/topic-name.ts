// Checks topic names by Kafka's rule (org.apache.kafka.common.internals.Topic).

/** Whether Kafka accepts the name: 1 to 249 letters, digits, dots, underscores or hyphens, but not "." or "..". */
export const isTopicName = (name: string): boolean =>
  /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..";
