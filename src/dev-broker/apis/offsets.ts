// Implements ListOffsets, DeleteRecords and OffsetForLeaderEpoch.

import { KafkaCode } from "../../wire/error-codes.ts";
import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from "../../wire/messages/offsets.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { endFor, type PartitionLog } from "../partition-log.ts";

/** Special timestamps of ListOffsets: the end and the start of a partition. */
const LATEST = -1;
const EARLIEST = -2;

export const offsetApis: readonly Endpoint[] = [
  endpoint(ListOffsets, [1, 5], ({ topics: store, faults }, { topics, isolationLevel }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, timestamp }) => {
        const log = store.log(name, partition);
        const denied = faults.topic?.(name);
        if (!log || denied !== undefined)
          return {
            partition,
            errorCode: denied ?? KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
            timestamp: -1,
            offset: -1,
            leaderEpoch: -1,
          };
        return {
          partition,
          errorCode: KafkaCode.NONE,
          ...offsetAt(log, timestamp, endFor(log, isolationLevel)),
          leaderEpoch: log.leaderEpoch,
        };
      }),
    })),
  })),
  endpoint(DeleteRecords, [0, 1], ({ topics: store }, { topics }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, offset }) => {
        const log = store.log(name, partition);
        if (!log) return { partition, lowWatermark: -1, errorCode: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION };
        const target = offset === -1 ? log.highWatermark : offset;
        if (target < 0 || target > log.highWatermark)
          return { partition, lowWatermark: -1, errorCode: KafkaCode.OFFSET_OUT_OF_RANGE };
        log.deleteBefore(target);
        return { partition, lowWatermark: log.startOffset, errorCode: KafkaCode.NONE };
      }),
    })),
  })),
  endpoint(OffsetForLeaderEpoch, [2, 3], ({ topics: store }, { topics }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, leaderEpoch, currentLeaderEpoch }) => {
        const log = store.log(name, partition);
        if (!log)
          return {
            errorCode: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
            partition,
            leaderEpoch: -1,
            endOffset: -1,
          };
        const end = log.endOfEpoch(leaderEpoch);
        return {
          errorCode: log.epochErrorCode(currentLeaderEpoch),
          partition,
          leaderEpoch: end?.epoch ?? -1,
          endOffset: end?.endOffset ?? -1,
        };
      }),
    })),
  })),
];

function offsetAt(log: PartitionLog, timestamp: number, end: number): { timestamp: number; offset: number } {
  if (timestamp === LATEST) return { timestamp: -1, offset: end };
  if (timestamp === EARLIEST) return { timestamp: -1, offset: log.startOffset };
  const found = log.findByTime(timestamp);
  return found && found.offset < end ? found : { timestamp: -1, offset: -1 };
}
