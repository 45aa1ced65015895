// Layout of Fetch. Only the fetcher of `kafka/consume` and the development broker import it.

import {
  array,
  type Decoded,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableBytes,
  since,
  string,
  struct,
  topicOf,
} from "../codec.ts";
import { api } from "./cluster.ts";

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
        logStartOffset: since(5, int64, -1),
        partitionMaxBytes: int32,
      }),
    ),
  ),
  forgotten: since(7, array(topicOf(int32)), []),
  rackId: since(11, string, ""),
});
const fetchResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  errorCode: since(7, int16, 0),
  sessionId: since(7, int32, 0),
  topics: array(
    topicOf(
      struct({
        partition: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: since(4, int64, -1),
        logStartOffset: since(5, int64, -1),
        abortedTransactions: since(4, nullableArray(struct({ producerId: int64, firstOffset: int64 })), null),
        preferredReadReplica: since(11, int32, -1),
        records: nullableBytes,
      }),
    ),
  ),
});
/** Versions 4 to 11. */
export const Fetch = api("Fetch", 1, 12, fetchRequest, fetchResponse);
export type FetchRequest = Decoded<typeof fetchRequest>;
export type FetchResponse = Decoded<typeof fetchResponse>;
