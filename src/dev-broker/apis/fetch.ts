// Implements Fetch. A request waits until `minBytes` are available, `maxWaitMs` is over, or a partition has an error.

import { KafkaCode } from "../../wire/error-codes.ts";
import { Fetch, type FetchRequest, type FetchResponse } from "../../wire/messages/fetch.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { State } from "../state.ts";

export const fetchApi: Endpoint = endpoint(Fetch, [4, 11], fetch);

async function fetch(state: State, request: FetchRequest): Promise<FetchResponse> {
  const deadline = Date.now() + request.maxWaitMs;
  for (;;) {
    const { response, bytes, hasError } = read(state, request);
    const left = deadline - Date.now();
    if (hasError || bytes >= request.minBytes || left <= 0) return response;
    await appendOrTimeout(state, request, left);
  }
}

function read(
  state: State,
  { topics, maxBytes }: FetchRequest,
): { response: FetchResponse; bytes: number; hasError: boolean } {
  let bytes = 0;
  let hasError = false;
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch }) => {
      const log = state.topics.log(name, partition);
      const errorCode = log
        ? fetchErrorCode(log, fetchOffset, currentLeaderEpoch)
        : KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
      hasError ||= errorCode !== KafkaCode.NONE;
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
    hasError,
  };
}

function fetchErrorCode(log: PartitionLog, offset: number, currentLeaderEpoch: number): number {
  const errorCode = log.epochErrorCode(currentLeaderEpoch);
  if (errorCode !== KafkaCode.NONE) return errorCode;
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
      for (const unsubscribe of unsubscribes) unsubscribe();
      resolve();
    };
    const timer = setTimeout(done, ms);
    const unsubscribes = logs.map((log) => log.onAppend(done));
  });
}
