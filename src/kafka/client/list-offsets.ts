// Looks up offsets by time, and the first and last offsets of partitions, with ListOffsets: one request per broker.

import { untilDeadline } from "../../core/time.ts";
import { ListOffsets } from "../../wire/messages/offsets.ts";
import { isOffset } from "../../wire/reader.ts";
import type { Cluster } from "./cluster.ts";
import { BrokerRefused } from "./errors.ts";
import type { TopicMetadata } from "./metadata.ts";
import { groupBy, type TopicPartition } from "./topic-partition.ts";

/** Special timestamps of ListOffsets: the end and the start of a partition. */
export const LATEST = -1;
export const EARLIEST = -2;
/** The isolation levels: the end is the high watermark, or the last stable offset (before open transactions). */
export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** An offset, and the epoch of the leader that wrote the record at it (-1 if it is not known). */
export interface ListedOffset {
  readonly offset: number;
  readonly epoch: number;
}

export interface ListOffsetsDeps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
}

/**
 * Returns per partition the offset of the first record with the timestamp `at` or a later one; the end of the partition
 * when there is none. The result of a partition is an error when its offset cannot be read: its leader is unknown or
 * cannot be reached, or refuses the request. Never rejects because of a single partition.
 *
 * @param at milliseconds since 1970-01-01 UTC, `LATEST` or `EARLIEST`
 * @param isolation selects the end that `LATEST` returns. Default: the last stable offset
 * @throws BrokerGone, BrokerRefused when the metadata of topics is needed and no broker answers
 */
export async function listOffsets<P extends TopicPartition>(
  deps: ListOffsetsDeps,
  partitions: readonly P[],
  at: (partition: P) => number,
  isolation = READ_COMMITTED,
): Promise<Map<P, ListedOffset | Error>> {
  const { metadata } = deps;
  const topics = [...new Set(partitions.map(({ topic }) => topic))];
  const unknown = topics.filter((topic) => metadata.get(topic) === undefined);
  if (unknown.length > 0) await metadata.read(unknown);
  const leaderOf = ({ topic, partition }: P): number =>
    metadata.get(topic)?.partitions[partition]?.leader ?? -1;
  const results = new Map<P, ListedOffset | Error>();
  await Promise.all(
    groupBy(partitions, leaderOf).map(async ([leader, own]) => {
      const listed = await askLeader(deps, leader, own, at, isolation).catch((error: Error) => error);
      for (const each of own)
        results.set(each, listed instanceof Error ? listed : resultOf(listed, each, at(each)));
    }),
  );
  const failed = [...results].filter(([, result]) => result instanceof Error);
  metadata.refresh([...new Set(failed.map(([{ topic }]) => topic))]);
  const after = partitions.filter((each) => isAfterTheEnd(results.get(each)) && at(each) !== LATEST);
  if (after.length > 0)
    for (const [each, end] of await listOffsets(deps, after, () => LATEST, isolation)) results.set(each, end);
  return results;
}

/** As `listOffsets`, and throws the first error. @throws BrokerRefused, BrokerGone; Error for a partition without leader */
export async function listOffsetsOrThrow<P extends TopicPartition>(
  ...args: Parameters<typeof listOffsets<P>>
): Promise<Map<P, ListedOffset>> {
  const results = await listOffsets<P>(...args);
  for (const result of results.values()) if (result instanceof Error) throw result;
  return results as Map<P, ListedOffset>;
}

/** As `listOffsets` of one time, with a time limit in milliseconds. Partitions whose offset is not known by then are absent. */
export async function listOffsetsWithin<P extends TopicPartition>(
  deps: ListOffsetsDeps,
  partitions: readonly P[],
  at: number,
  isolation: number,
  limitMs: number,
): Promise<Map<P, ListedOffset>> {
  const listing = listOffsets(deps, partitions, () => at, isolation);
  const listed = await untilDeadline(listing, Date.now() + limitMs, "no answer in time").catch(
    () => undefined,
  );
  const known = new Map<P, ListedOffset>();
  for (const [each, found] of listed ?? []) if (!(found instanceof Error)) known.set(each, found);
  return known;
}

async function askLeader<P extends TopicPartition>(
  { cluster }: ListOffsetsDeps,
  leader: number,
  partitions: readonly P[],
  at: (partition: P) => number,
  isolationLevel: number,
) {
  if (leader < 0) throw new Error("the partition has no leader, or does not exist");
  const connection = await cluster.connection(leader, "offsets");
  const topics = groupBy(partitions, ({ topic }) => topic).map(([name, own]) => ({
    name,
    partitions: own.map((each) => ({
      partition: each.partition,
      currentLeaderEpoch: -1,
      timestamp: at(each),
    })),
  }));
  const timeoutMs = cluster.options.requestTimeoutMs + 1000;
  const request = { replicaId: -1, isolationLevel, topics };
  const answer = await connection.request(ListOffsets, connection.version(ListOffsets), request, timeoutMs);
  return new Map(
    answer.topics.flatMap(({ name, partitions: found }) =>
      found.map((part) => [`${name}/${part.partition}`, part] as const),
    ),
  );
}

function resultOf(
  answer: Awaited<ReturnType<typeof askLeader>>,
  { topic, partition }: TopicPartition,
  at: number,
): ListedOffset | Error {
  const part = answer.get(`${topic}/${partition}`);
  // No record has a timestamp at or after `at`.
  const isNone = part?.offset === -1 && at >= 0;
  if (part?.errorCode === 0 && (isNone || isOffset(part.offset)))
    return { offset: part.offset, epoch: part.leaderEpoch };
  return new BrokerRefused(`listing the offsets of ${topic}/${partition}`, part?.errorCode || -1);
}

const isAfterTheEnd = (result: ListedOffset | Error | undefined): boolean =>
  result !== undefined && !(result instanceof Error) && result.offset < 0;
