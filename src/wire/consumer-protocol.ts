// What the members of a consumer group tell one another through the coordinator, to which it is opaque: Kafka's
// "consumer" protocol, version 0, so that `kafka-consumer-groups` shows who reads what.

import { array, type Carried, int16, int32, nullableBytes, string, struct } from "./codec.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const subscription = struct({ version: int16, topics: array(string), userData: nullableBytes });
const assignment = struct({
  version: int16,
  topics: array(struct({ name: string, partitions: array(int32) })),
  userData: nullableBytes,
});

/** Partitions by topic. */
export type Assignment = Carried<typeof assignment>["topics"];

export function encodeSubscription(topics: readonly string[]): Buffer {
  const writer = new Writer();
  subscription.write(writer, { version: 0, topics: [...topics], userData: null }, 0);
  return writer.bytes;
}

/** @throws TruncatedError */
export function decodeSubscription(bytes: Buffer): string[] {
  return subscription.read(new Reader(bytes), 0).topics;
}

export function encodeAssignment(topics: Assignment): Buffer {
  const writer = new Writer();
  assignment.write(writer, { version: 0, topics, userData: null }, 0);
  return writer.bytes;
}

/** What a member got; nothing when the coordinator sent no bytes. @throws TruncatedError */
export function decodeAssignment(bytes: Buffer): Assignment {
  return bytes.length === 0 ? [] : assignment.read(new Reader(bytes), 0).topics;
}
