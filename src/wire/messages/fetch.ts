// Layout of Fetch. Only the fetcher of `kafka/consume` and the development broker import it.

import {
  array,
  between,
  type Codec,
  type Decoded,
  int8,
  int16,
  int32,
  int64,
  NO_ID,
  nullableArray,
  nullableBytes,
  since,
  string,
  struct,
  uuid,
} from "../codec.ts";
import { api } from "./cluster.ts";

/** The entry of a topic: up to version 12 it has the topic's name, from version 13 on its id. */
const topicOf = <P>(partition: Codec<P>) =>
  struct({
    name: between(0, 12, string, ""),
    topicId: since(13, uuid, NO_ID),
    partitions: array(partition),
  });

const fetchRequest = struct({
  replicaId: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: since(3, int32, 0x7fffffff),
  isolationLevel: since(4, int8, 0),
  sessionId: since(7, int32, 0),
  sessionEpoch: since(7, int32, -1),
  topics: array(
    topicOf(
      struct({
        partition: int32,
        currentLeaderEpoch: since(9, int32, -1),
        fetchOffset: int64,
        lastFetchedEpoch: since(12, int32, -1),
        logStartOffset: since(5, int64, -1),
        partitionMaxBytes: int32,
      }),
    ),
  ),
  forgotten: since(7, array(topicOf(int32)), []),
  rackId: since(11, string, ""),
});

/** Returned for a truncated position: the largest leader epoch that the log shares with it, and its end offset. */
export interface DivergingEpoch {
  readonly epoch: number;
  readonly endOffset: number;
}
/** The position is not truncated. */
export const NO_DIVERGENCE: DivergingEpoch = { epoch: -1, endOffset: -1 };
const divergingEpoch: Codec<DivergingEpoch> = struct({ epoch: int32, endOffset: int64 });

/** In bytes. A broker returns the first batch whatever its size; otherwise its default limit (`fetch.max.bytes`) is 55 MB. */
const MAX_RESPONSE = 128 * 1024 * 1024;

const fetchResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  errorCode: since(7, int16, 0),
  sessionId: since(7, int32, 0),
  topics: array(
    topicOf(
      struct(
        {
          partition: int32,
          errorCode: int16,
          highWatermark: int64,
          lastStableOffset: since(4, int64, -1),
          logStartOffset: since(5, int64, -1),
          abortedTransactions: since(
            4,
            nullableArray(struct({ producerId: int64, firstOffset: int64 })),
            null,
          ),
          preferredReadReplica: since(11, int32, -1),
          records: nullableBytes,
        },
        { divergingEpoch: { tag: 0, codec: divergingEpoch, fallback: NO_DIVERGENCE } },
      ),
    ),
  ),
});
/** Versions 4 to 13. Version 12 adds `lastFetchedEpoch` and `divergingEpoch`; version 13 addresses topics by id. */
export const Fetch = api("Fetch", 1, [4, 13], 12, fetchRequest, fetchResponse, MAX_RESPONSE);
export type FetchRequest = Decoded<typeof fetchRequest>;
export type FetchResponse = Decoded<typeof fetchResponse>;
