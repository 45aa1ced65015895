// Decides where a consumer group continues when the position in a partition is lost, so that no record is skipped and as
// few as possible are delivered again.

import {
  EARLIEST,
  LATEST,
  type ListOffsetsDeps,
  listOffsetsOrThrow,
  READ_UNCOMMITTED,
} from "../client/list-offsets.ts";
import type { PartitionReader } from "./partition-reader.ts";
import type { LostPosition, Position } from "./position-fault.ts";
import { endsOfEpochs } from "./validate-epochs.ts";

/** The position at which to continue, and what to report. */
export interface Continuation {
  readonly position: Position;
  /** What happened to the records; `kept`: they are still there. */
  readonly cause: "recreated" | "truncated" | "removed" | "kept";
  readonly event: string;
}

const RECREATED = "the topic was recreated; it is read from its first record";
const TRUNCATED =
  "the log was truncated (an unclean leader election, or data loss on a broker); reading continues at the offset where the log diverges from the records that were read";

/**
 * Decides where to continue.
 *
 * @throws BrokerRefused, BrokerGone; Error when the partition has no leader
 */
export async function continueAt(
  deps: ListOffsetsDeps,
  reader: PartitionReader,
  fault: LostPosition,
): Promise<Continuation> {
  const { topic, partition, position } = reader;
  // The leader may have changed since the metadata was read.
  await deps.metadata.read([topic]);
  const leaderEpoch = deps.metadata.get(topic)?.partitions[partition]?.leaderEpoch ?? -1;
  const topicId = fault.reason === "recreated" ? fault.topicId : deps.metadata.get(topic)?.id;
  const list = async (at: number) => {
    const listed = await listOffsetsOrThrow(deps, [reader], () => at, READ_UNCOMMITTED);
    return listed.get(reader)?.offset ?? 0;
  };
  const at = (cause: Continuation["cause"], offset: number, event: string, epoch = -1): Continuation => ({
    position: { offset, epoch, topicId },
    cause,
    event,
  });
  // A log is truncated only after an election, which increases the leader epoch. Without topic ids this distinguishes a
  // truncated topic from a recreated one, in which epochs begin at 0.
  const hadElection = leaderEpoch > position.epoch;
  if (fault.reason === "recreated") return at("recreated", await list(EARLIEST), RECREATED);
  if (fault.reason === "truncated") {
    if (!reader.knowsTopic && !hadElection) return at("recreated", await list(EARLIEST), RECREATED);
    return at("truncated", Math.min(fault.endOffset, position.offset), TRUNCATED, fault.epoch);
  }
  const [start, end] = [await list(EARLIEST), await list(LATEST)];
  if (position.offset < start)
    return at("removed", start, "records were removed by retention before they were read");
  const isTruncated = reader.knowsTopic || (position.epoch >= 0 && hadElection);
  if (position.offset > end && isTruncated) {
    const known = await endOfEpoch(deps, reader);
    return at("truncated", Math.min(known?.endOffset ?? end, position.offset), TRUNCATED, known?.epoch);
  }
  if (position.offset > end || (!isTruncated && position.epoch >= 0))
    return at(
      "recreated",
      start,
      "the partition was truncated or recreated; it is read from its first record",
    );
  return at(
    "kept",
    position.offset,
    "the leader does not know the epoch of the position; reading continues at its offset",
  );
}

/** Asks the leader where the epoch of the position ends; undefined when it does not know the epoch. */
async function endOfEpoch({ cluster, metadata }: ListOffsetsDeps, reader: PartitionReader) {
  const leader = metadata.get(reader.topic)?.partitions[reader.partition]?.leader ?? -1;
  if (reader.position.epoch < 0 || leader < 0) return undefined;
  const connection = await cluster.connection(leader, "offsets");
  const timeoutMs = cluster.options.requestTimeoutMs + 1000;
  return (await endsOfEpochs(connection, [reader], timeoutMs)).get(reader);
}
