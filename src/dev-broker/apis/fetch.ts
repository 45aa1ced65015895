// Implements Fetch. A request waits until `minBytes` are available, `maxWaitMs` is over, or a partition has an error.

import { KafkaCode } from "../../wire/error-codes.ts";
import {
  type DivergingEpoch,
  Fetch,
  type FetchRequest,
  type FetchResponse,
  NO_DIVERGENCE,
} from "../../wire/messages/fetch.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { endFor, type PartitionLog, READ_COMMITTED } from "../partition-log.ts";
import type { State } from "../state.ts";

/** From this version on, topics have ids and no names. */
const BY_ID = 13;

type RequestedTopic = FetchRequest["topics"][number];
type RequestedPartition = RequestedTopic["partitions"][number];
type PartitionAnswer = FetchResponse["topics"][number]["partitions"][number];

export const fetchApi: Endpoint = endpoint(Fetch, [4, 13], async (state, request, { version }) => {
  const deadline = Date.now() + request.maxWaitMs;
  const nameOf = ({ name, topicId }: RequestedTopic): string | undefined =>
    version >= BY_ID ? state.topics.byId(topicId)?.name : name;
  for (;;) {
    const { response, bytes, hasError } = read(state, request, nameOf);
    const left = deadline - Date.now();
    if (hasError || bytes >= request.minBytes || left <= 0) return response;
    await appendOrTimeout(state, request, nameOf, left);
  }
});

type NameOf = (topic: RequestedTopic) => string | undefined;

function read(
  state: State,
  { topics, maxBytes, isolationLevel }: FetchRequest,
  nameOf: NameOf,
): { response: FetchResponse; bytes: number; hasError: boolean } {
  let bytes = 0;
  let hasError = false;
  const answers = topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((requested) => {
      const answer = readPartition(state, nameOf(topic), requested, isolationLevel, maxBytes - bytes);
      bytes += answer.records?.length ?? 0;
      hasError ||= answer.errorCode !== KafkaCode.NONE || answer.divergingEpoch !== NO_DIVERGENCE;
      return answer;
    }),
  }));
  return {
    response: { throttleTimeMs: 0, errorCode: KafkaCode.NONE, sessionId: 0, topics: answers },
    bytes,
    hasError,
  };
}

function readPartition(
  { topics, faults }: State,
  name: string | undefined,
  { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch, lastFetchedEpoch }: RequestedPartition,
  isolationLevel: number,
  maxBytes: number,
): PartitionAnswer {
  const failed = (errorCode: number): PartitionAnswer => ({
    partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: Buffer.alloc(0),
    divergingEpoch: NO_DIVERGENCE,
  });
  if (name === undefined) return failed(KafkaCode.UNKNOWN_TOPIC_ID);
  const log = topics.log(name, partition);
  if (!log) return failed(KafkaCode.UNKNOWN_TOPIC_OR_PARTITION);
  const denied = faults.topic?.(name);
  if (denied !== undefined) return failed(denied);
  if (faults.leaderless?.(name, partition)) return failed(KafkaCode.NOT_LEADER_OR_FOLLOWER);
  const fault = faults.fetch?.(name, partition, fetchOffset);
  if (fault && "errorCode" in fault) return failed(fault.errorCode);
  const epochError = log.epochErrorCode(currentLeaderEpoch);
  if (epochError !== KafkaCode.NONE) return failed(epochError);
  const divergingEpoch = divergence(log, fetchOffset, lastFetchedEpoch);
  if (divergingEpoch === undefined || fetchOffset < log.startOffset)
    return failed(KafkaCode.OFFSET_OUT_OF_RANGE);
  const isDiverging = divergingEpoch !== NO_DIVERGENCE;
  if (!isDiverging && fetchOffset > log.highWatermark) return failed(KafkaCode.OFFSET_OUT_OF_RANGE);
  const { highWatermark, lastStableOffset, startOffset } = log;
  const batches =
    maxBytes > 0 && !isDiverging
      ? log.read(fetchOffset, endFor(log, isolationLevel), Math.min(partitionMaxBytes, maxBytes))
      : [];
  const next = (batches.at(-1)?.lastOffset ?? -1) + 1;
  return {
    ...failed(KafkaCode.NONE),
    highWatermark,
    lastStableOffset,
    logStartOffset: startOffset,
    abortedTransactions: isolationLevel === READ_COMMITTED ? log.abortedBetween(fetchOffset, next) : null,
    records: fault?.records ?? Buffer.concat(batches.map(({ bytes }) => bytes)),
    divergingEpoch,
  };
}

/** Where the history of a position ends in the log; undefined when the log does not know its epoch. */
function divergence(log: PartitionLog, offset: number, lastFetchedEpoch: number): DivergingEpoch | undefined {
  if (lastFetchedEpoch < 0) return NO_DIVERGENCE;
  const end = log.endOfEpoch(lastFetchedEpoch);
  return end && end.endOffset >= offset ? NO_DIVERGENCE : end;
}

function appendOrTimeout(state: State, { topics }: FetchRequest, nameOf: NameOf, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const logs = topics.flatMap((topic) =>
      topic.partitions.flatMap(({ partition }) => state.topics.log(nameOf(topic) ?? "", partition) ?? []),
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
