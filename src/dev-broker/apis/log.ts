// Produce, Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch.

import {
  FENCED_LEADER_EPOCH,
  INVALID_RECORD,
  INVALID_REQUIRED_ACKS,
  NONE,
  OFFSET_OUT_OF_RANGE,
  UNKNOWN_LEADER_EPOCH,
  UNKNOWN_TOPIC_OR_PARTITION,
} from "../../wire/error-codes.ts";
import { Fetch, type FetchRequest, type FetchResponse } from "../../wire/messages/fetch.ts";
import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from "../../wire/messages/offsets.ts";
import { type PartitionAnswer, Produce } from "../../wire/messages/produce.ts";
import { readBatches } from "../../wire/record-batch-reader.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { State } from "../state.ts";

const LATEST = -1;
const EARLIEST = -2;

export const logApis: readonly Endpoint[] = [
  endpoint(Produce, [3, 8], (state, { acks, topics }) => {
    const answers = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, records }) => produce(state, name, partition, records, acks)),
    }));
    return acks === 0 ? undefined : { topics: answers, throttleTimeMs: state.faults.throttleMs };
  }),
  endpoint(Fetch, [4, 11], fetch),
  endpoint(ListOffsets, [1, 5], ({ topics: store }, { topics }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, timestamp }) => {
        const log = store.log(name, partition);
        if (!log)
          return {
            partition,
            errorCode: UNKNOWN_TOPIC_OR_PARTITION,
            timestamp: -1,
            offset: -1,
            leaderEpoch: -1,
          };
        return { partition, errorCode: NONE, ...offsetAt(log, timestamp), leaderEpoch: log.leaderEpoch };
      }),
    })),
  })),
  endpoint(DeleteRecords, [0, 1], ({ topics: store }, { topics }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, offset }) => {
        const log = store.log(name, partition);
        if (!log) return { partition, lowWatermark: -1, errorCode: UNKNOWN_TOPIC_OR_PARTITION };
        const target = offset === -1 ? log.highWatermark : offset;
        if (target < 0 || target > log.highWatermark)
          return { partition, lowWatermark: -1, errorCode: OFFSET_OUT_OF_RANGE };
        log.deleteBefore(target);
        return { partition, lowWatermark: log.startOffset, errorCode: NONE };
      }),
    })),
  })),
  endpoint(OffsetForLeaderEpoch, [2, 3], ({ topics: store }, { topics }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition, leaderEpoch, currentLeaderEpoch }) => {
        const log = store.log(name, partition);
        if (!log) return { errorCode: UNKNOWN_TOPIC_OR_PARTITION, partition, leaderEpoch: -1, endOffset: -1 };
        const known = leaderEpoch >= log.leaderEpoch ? log.leaderEpoch : -1;
        return {
          errorCode: epochFault(log, currentLeaderEpoch),
          partition,
          leaderEpoch: known,
          endOffset: known < 0 ? -1 : log.highWatermark,
        };
      }),
    })),
  })),
];

function produce(
  state: State,
  topic: string,
  partition: number,
  records: Buffer | null,
  acks: number,
): PartitionAnswer {
  const log = state.topics.log(topic, partition);
  const answer = (part: Partial<PartitionAnswer>): PartitionAnswer => ({
    partition,
    errorCode: NONE,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: log?.startOffset ?? -1,
    recordErrors: [],
    errorMessage: null,
    ...part,
  });
  if (acks < -1 || acks > 1) return answer({ errorCode: INVALID_REQUIRED_ACKS });
  if (!log) return answer({ errorCode: UNKNOWN_TOPIC_OR_PARTITION });
  if (records === null) return answer({ errorCode: INVALID_RECORD });
  const [batch] = state.faults.produce ? readBatches(records) : [];
  const fault = batch && state.faults.produce?.({ topic, partition, ...batch, bytes: records });
  const appended = fault?.append === false ? undefined : append(state, topic, log, records);
  if (!fault) return answer(appended ?? {});
  const recordErrors = (fault.recordErrors ?? []).map((batchIndex) => ({
    batchIndex,
    message: "refused on purpose",
  }));
  const baseOffset = fault.baseOffset ?? appended?.baseOffset ?? -1;
  return answer({
    errorCode: fault.errorCode,
    baseOffset,
    recordErrors,
    errorMessage: fault.errorMessage ?? null,
  });
}

function append(state: State, name: string, log: PartitionLog, records: Buffer): Partial<PartitionAnswer> {
  const { stored, ...answer } = log.append(records, Date.now());
  const topic = state.topics.get(name);
  if (stored && topic) state.topics.keep(topic, log, stored);
  return answer;
}

async function fetch(state: State, request: FetchRequest): Promise<FetchResponse> {
  const deadline = Date.now() + request.maxWaitMs;
  for (;;) {
    const { response, bytes, failed } = read(state, request);
    const left = deadline - Date.now();
    if (failed || bytes >= request.minBytes || left <= 0) return response;
    await appendOrTimeout(state, request, left);
  }
}

function read(
  state: State,
  { topics, maxBytes }: FetchRequest,
): { response: FetchResponse; bytes: number; failed: boolean } {
  let bytes = 0;
  let failed = false;
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch }) => {
      const log = state.topics.log(name, partition);
      const errorCode = log ? fetchFault(log, fetchOffset, currentLeaderEpoch) : UNKNOWN_TOPIC_OR_PARTITION;
      failed ||= errorCode !== NONE;
      const batches =
        log && errorCode === NONE && bytes < maxBytes
          ? log.read(fetchOffset, Math.min(partitionMaxBytes, maxBytes - bytes))
          : [];
      const records = Buffer.concat(batches);
      bytes += records.length;
      const end = errorCode === NONE && log ? log.highWatermark : -1;
      return {
        partition,
        errorCode,
        highWatermark: end,
        lastStableOffset: end,
        logStartOffset: errorCode === NONE && log ? log.startOffset : -1,
        abortedTransactions: null,
        preferredReadReplica: -1,
        records,
      };
    }),
  }));
  return { response: { throttleTimeMs: 0, errorCode: NONE, sessionId: 0, topics: answers }, bytes, failed };
}

function fetchFault(log: PartitionLog, offset: number, currentLeaderEpoch: number): number {
  const fault = epochFault(log, currentLeaderEpoch);
  if (fault !== NONE) return fault;
  return offset < log.startOffset || offset > log.highWatermark ? OFFSET_OUT_OF_RANGE : NONE;
}

function epochFault(log: PartitionLog, current: number): number {
  if (current < 0 || current === log.leaderEpoch) return NONE;
  return current < log.leaderEpoch ? FENCED_LEADER_EPOCH : UNKNOWN_LEADER_EPOCH;
}

function appendOrTimeout(state: State, { topics }: FetchRequest, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const logs = topics.flatMap(({ name, partitions }) =>
      partitions.flatMap(({ partition }) => state.topics.log(name, partition) ?? []),
    );
    const done = (): void => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stops = logs.map((log) => log.onAppend(done));
  });
}

function offsetAt(log: PartitionLog, timestamp: number): { timestamp: number; offset: number } {
  if (timestamp === LATEST) return { timestamp: -1, offset: log.highWatermark };
  if (timestamp === EARLIEST) return { timestamp: -1, offset: log.startOffset };
  return log.findByTime(timestamp) ?? { timestamp: -1, offset: -1 };
}
