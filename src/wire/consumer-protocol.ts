// Encodes and decodes the subscriptions and assignments of a consumer group. The coordinator passes them on as opaque
// bytes. They follow Kafka's "consumer" protocol, so that `kafka-consumer-groups` can show them: subscriptions in
// version 1, which adds the owned partitions, and assignments in version 0.

import {
  array,
  type Codec,
  type Decoded,
  int16,
  int32,
  nullableBytes,
  string,
  struct,
  topicOf,
} from "./codec.ts";
import { Reader, TruncatedError } from "./reader.ts";
import { Writer } from "./writer.ts";

/** A partition that is assigned to a member of a group. */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition of the last assignment of a member. */
export interface OwnedPartition extends AssignedPartition {
  /** The generation of the group in which the member got it. */
  readonly since?: number;
}

/** What a member of a group sends when it joins. */
export interface Subscription {
  readonly topics: readonly string[];
  /** The partitions of its last assignment; those that it has owned for the longest time come first. */
  readonly owned: readonly OwnedPartition[];
}

const byTopic = array(topicOf(int32));
/** Consecutive partitions of a topic share an entry. A topic has several entries where the order requires it. */
const partitions: Codec<readonly AssignedPartition[]> = {
  read: (reader, version) =>
    byTopic
      .read(reader, version)
      .flatMap((entry) => entry.partitions.map((partition) => ({ topic: entry.name, partition }))),
  write(writer, value, version) {
    const entries: Decoded<typeof byTopic> = [];
    for (const { topic, partition } of value) {
      const last = entries.at(-1);
      if (last?.name === topic) last.partitions.push(partition);
      else entries.push({ name: topic, partitions: [partition] });
    }
    byTopic.write(writer, entries, version);
  },
};
const subscription = struct({ version: int16, topics: array(string), userData: nullableBytes });
const assignment = struct({ version: int16, partitions, userData: nullableBytes });

/**
 * Encodes a subscription (version 1). Readers of version 0 ignore the owned partitions. The user data are Onramp's own: the
 * generation of each owned partition, in the same order.
 */
export function encodeSubscription({ topics, owned }: Subscription): Buffer {
  const writer = new Writer();
  const generations = owned.flatMap(({ since }) => since ?? []);
  const isComplete = generations.length === owned.length && owned.length > 0;
  const userData = isComplete ? Buffer.alloc(4 * owned.length) : null;
  for (const [index, generation] of generations.entries()) userData?.writeInt32BE(generation, 4 * index);
  subscription.write(writer, { version: 1, topics: [...topics], userData }, 0);
  partitions.write(writer, owned, 0);
  return writer.bytes;
}

/**
 * Decodes a subscription of any version. The fields that versions after 1 add are ignored.
 *
 * @throws TruncatedError when the bytes are incomplete
 */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new Reader(bytes);
  const { version, topics, userData } = subscription.read(reader, 0);
  // Some clients, such as kafkajs, state version 1 and leave out the owned partitions.
  const hasOwned = version >= 1 && reader.remaining > 0;
  const owned = hasOwned ? partitions.read(reader, 0) : [];
  if (!userData || userData.length !== 4 * owned.length) return { topics, owned };
  return {
    topics,
    owned: owned.map((each, index) => ({ ...each, since: userData.readInt32BE(4 * index) })),
  };
}

/** Encodes the partitions that are assigned to a member (version 0). */
export function encodeAssignment(assigned: readonly AssignedPartition[]): Buffer {
  const writer = new Writer();
  assignment.write(writer, { version: 0, partitions: assigned, userData: null }, 0);
  return writer.bytes;
}

/**
 * Decodes the partitions that are assigned to a member. The result is empty when the coordinator sent no bytes.
 *
 * @param topics the topics to which the member subscribes. Default: any
 * @throws TruncatedError when the bytes are incomplete, or assign a partition twice, or one that the member cannot have
 */
export function decodeAssignment(bytes: Buffer, topics?: readonly string[]): readonly AssignedPartition[] {
  if (bytes.length === 0) return [];
  const assigned = assignment.read(new Reader(bytes), 0).partitions;
  const seen = new Set<string>();
  for (const { topic, partition } of assigned) {
    const name = `${topic}/${partition}`;
    if (partition < 0 || seen.has(name) || topics?.includes(topic) === false)
      throw new TruncatedError(
        `the assignment contains a partition twice, or one that the member cannot have: ${name}`,
      );
    seen.add(name);
  }
  return assigned;
}
