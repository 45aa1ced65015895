// Encodes and decodes the subscriptions and assignments of a consumer group. The coordinator passes them on as opaque
// bytes. They follow Kafka's "consumer" protocol, version 0, so that `kafka-consumer-groups` can show them.

import { array, type Decoded, int16, int32, nullableBytes, string, struct, topicOf } from "./codec.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const subscription = struct({ version: int16, topics: array(string), userData: nullableBytes });
const assignment = struct({
  version: int16,
  topics: array(topicOf(int32)),
  userData: nullableBytes,
});

/** Assigned partitions, per topic. */
export type Assignment = Decoded<typeof assignment>["topics"];

/** Encodes the topics that a member subscribes to. */
export function encodeSubscription(topics: readonly string[]): Buffer {
  const writer = new Writer();
  subscription.write(writer, { version: 0, topics: [...topics], userData: null }, 0);
  return writer.bytes;
}

/** Decodes the topics that a member subscribes to. @throws TruncatedError when the bytes are incomplete */
export function decodeSubscription(bytes: Buffer): string[] {
  return subscription.read(new Reader(bytes), 0).topics;
}

/** Encodes the partitions that are assigned to a member. */
export function encodeAssignment(topics: Assignment): Buffer {
  const writer = new Writer();
  assignment.write(writer, { version: 0, topics, userData: null }, 0);
  return writer.bytes;
}

/**
 * Decodes the partitions that are assigned to a member. The result is empty when the coordinator sent no bytes.
 *
 * @throws TruncatedError when the bytes are incomplete
 */
export function decodeAssignment(bytes: Buffer): Assignment {
  return bytes.length === 0 ? [] : assignment.read(new Reader(bytes), 0).topics;
}
