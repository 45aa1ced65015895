// Looks up offsets of a partition by time, and its first and last offset, with ListOffsets.

import { ListOffsets } from "../../wire/messages/offsets.ts";
import type { Cluster } from "./cluster.ts";
import { BrokerRefused } from "./errors.ts";
import type { TopicMetadata } from "./metadata.ts";
import type { TopicPartition } from "./topic-partition.ts";

const VERSION = 5;
const READ_COMMITTED = 1;
/** Special timestamps of ListOffsets: the end and the start of a partition. */
export const LATEST = -1;
export const EARLIEST = -2;

/**
 * Returns the offset of the first record with the timestamp `at` or a later one; the end of the partition when there
 * is none.
 *
 * @param at milliseconds since 1970-01-01 UTC, `LATEST` (the last stable offset) or `EARLIEST`
 * @throws OnrampError when the topic is unknown (see `TopicMetadata.resolve`), BrokerRefused, BrokerGone
 */
export async function offsetAt(
  { cluster, metadata }: { readonly cluster: Cluster; readonly metadata: TopicMetadata },
  { topic, partition }: TopicPartition,
  at: number,
): Promise<number> {
  const state =
    metadata.get(topic) ?? (await metadata.resolve(topic, Date.now() + cluster.options.requestTimeoutMs));
  const leader = state.partitions[partition]?.leader ?? -1;
  const connection = await cluster.connection(leader, "offsets");
  const answer = await connection.request(
    ListOffsets,
    VERSION,
    {
      replicaId: -1,
      isolationLevel: READ_COMMITTED,
      topics: [{ name: topic, partitions: [{ partition, currentLeaderEpoch: -1, timestamp: at }] }],
    },
    cluster.options.requestTimeoutMs + 1000,
  );
  const found = answer.topics[0]?.partitions[0];
  if (found?.errorCode !== 0) {
    metadata.refresh([topic]);
    throw new BrokerRefused(`listing the offsets of ${topic}/${partition}`, found?.errorCode ?? -1);
  }
  if (found.offset >= 0 || at === LATEST) return found.offset;
  return offsetAt({ cluster, metadata }, { topic, partition }, LATEST);
}
