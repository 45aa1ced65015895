// Fetch.

import { KafkaCode } from "../../wire/error-codes.ts";
import { Fetch, type FetchRequest, type FetchResponse } from "../../wire/messages/fetch.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { State } from "../state.ts";

export const fetchApi: Endpoint = endpoint(Fetch, [4, 11], fetch);

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
      const errorCode = log
        ? fetchFault(log, fetchOffset, currentLeaderEpoch)
        : KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
      failed ||= errorCode !== KafkaCode.NONE;
      const batches =
        log && errorCode === KafkaCode.NONE && bytes < maxBytes
          ? log.read(fetchOffset, Math.min(partitionMaxBytes, maxBytes - bytes))
          : [];
      const records = Buffer.concat(batches);
      bytes += records.length;
      const end = errorCode === KafkaCode.NONE && log ? log.highWatermark : -1;
      return {
        partition,
        errorCode,
        highWatermark: end,
        lastStableOffset: end,
        logStartOffset: errorCode === KafkaCode.NONE && log ? log.startOffset : -1,
        abortedTransactions: null,
        preferredReadReplica: -1,
        records,
      };
    }),
  }));
  return {
    response: { throttleTimeMs: 0, errorCode: KafkaCode.NONE, sessionId: 0, topics: answers },
    bytes,
    failed,
  };
}

function fetchFault(log: PartitionLog, offset: number, currentLeaderEpoch: number): number {
  const fault = log.epochFault(currentLeaderEpoch);
  if (fault !== KafkaCode.NONE) return fault;
  return offset < log.startOffset || offset > log.highWatermark
    ? KafkaCode.OFFSET_OUT_OF_RANGE
    : KafkaCode.NONE;
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
