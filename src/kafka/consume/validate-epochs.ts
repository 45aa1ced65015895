// Detects truncated positions on brokers before Kafka 2.7, whose Fetch responses do not report them.

import { OffsetForLeaderEpoch } from "../../wire/messages/offsets.ts";
import type { Connection } from "../client/connection.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { groupBy } from "../client/topic-partition.ts";
import type { PartitionReader } from "./partition-reader.ts";

/** The largest leader epoch of the log that is not above the requested one, and its end offset. */
interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

/**
 * Asks a leader where the leader epochs of positions end. Leaves out positions whose epoch the leader does not know; all
 * of them, if the broker does not have this API.
 *
 * @throws BrokerGone, BrokerRefused
 */
export async function endsOfEpochs(
  connection: Connection,
  readers: readonly PartitionReader[],
  timeoutMs: number,
): Promise<Map<PartitionReader, EpochEnd>> {
  if (!connection.supports(OffsetForLeaderEpoch)) return new Map();
  const topics = groupBy(readers, ({ topic }) => topic).map(([name, own]) => ({
    name,
    partitions: own.map(({ partition, fetchFrom }) => ({
      partition,
      currentLeaderEpoch: -1,
      leaderEpoch: fetchFrom.epoch,
    })),
  }));
  const request = { replicaId: -1, topics };
  const answer = await connection.request(
    OffsetForLeaderEpoch,
    connection.version(OffsetForLeaderEpoch),
    request,
    timeoutMs,
  );
  const byPlace = new Map(readers.map((reader) => [`${reader.topic}/${reader.partition}`, reader]));
  const ends = new Map<PartitionReader, EpochEnd>();
  for (const { name, partitions } of answer.topics)
    for (const { partition, errorCode, endOffset, leaderEpoch: epoch } of partitions) {
      const reader = byPlace.get(`${name}/${partition}`);
      if (reader && errorCode === 0 && endOffset >= 0) ends.set(reader, { epoch, endOffset });
    }
  return ends;
}

/** Compares positions with the log, once per reader and leader epoch. */
export class EpochValidator {
  readonly #metadata: TopicMetadata;
  /** The leader epoch at which the position of a reader was compared. */
  readonly #validated = new WeakMap<PartitionReader, number>();

  constructor(metadata: TopicMetadata) {
    this.#metadata = metadata;
  }

  /** The leader epoch in the cached metadata; -1 if it is not known. */
  leaderEpoch({ topic, partition }: PartitionReader): number {
    return this.#metadata.get(topic)?.partitions[partition]?.leaderEpoch ?? -1;
  }

  /** Reports positions after the end of their epoch as truncated. @throws BrokerGone, BrokerRefused */
  async validate(
    connection: Connection,
    readers: readonly PartitionReader[],
    timeoutMs: number,
  ): Promise<void> {
    const due = readers.filter(
      (reader) => reader.fetchFrom.epoch >= 0 && this.#validated.get(reader) !== this.leaderEpoch(reader),
    );
    if (due.length === 0) return;
    for (const [reader, end] of await endsOfEpochs(connection, due, timeoutMs))
      if (end.endOffset < reader.fetchFrom.offset) reader.report({ reason: "truncated", ...end });
    for (const reader of due) this.#validated.set(reader, this.leaderEpoch(reader));
  }
}
