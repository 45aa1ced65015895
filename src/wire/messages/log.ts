// Produce, Fetch, ListOffsets, DeleteRecords: what moves records.

import {
  array,
  type Carried,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableBytes,
  nullableString,
  since,
  string,
  struct,
} from "../codec.ts";
import { api } from "./cluster.ts";

const produceRequest = struct({
  transactionalId: since(3, nullableString, null),
  acks: int16,
  timeoutMs: int32,
  topics: array(
    struct({ name: string, partitions: array(struct({ partition: int32, records: nullableBytes })) }),
  ),
});
const produceResponse = struct({
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partition: int32,
          errorCode: int16,
          baseOffset: int64,
          logAppendTimeMs: since(2, int64, -1),
          logStartOffset: since(5, int64, -1),
          recordErrors: since(8, array(struct({ batchIndex: int32, message: nullableString })), []),
          errorMessage: since(8, nullableString, null),
        }),
      ),
    }),
  ),
  throttleTimeMs: since(1, int32, 0),
});
/** Versions 3 to 8; v8 names the records that a broker refused (KIP-467). */
export const Produce = api("Produce", 0, 9, produceRequest, produceResponse);
export type ProduceResponse = Carried<typeof produceResponse>;
export type PartitionAnswer = ProduceResponse["topics"][number]["partitions"][number];

const fetchRequest = struct({
  replicaId: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: since(3, int32, 0x7fffffff),
  isolationLevel: since(4, int8, 0),
  sessionId: since(7, int32, 0),
  sessionEpoch: since(7, int32, -1),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: since(9, int32, -1),
          fetchOffset: int64,
          logStartOffset: since(5, int64, -1),
          partitionMaxBytes: int32,
        }),
      ),
    }),
  ),
  forgotten: since(7, array(struct({ name: string, partitions: array(int32) })), []),
  rackId: since(11, string, ""),
});
const fetchResponse = struct({
  throttleTimeMs: since(1, int32, 0),
  errorCode: since(7, int16, 0),
  sessionId: since(7, int32, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
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
        }),
      ),
    }),
  ),
});
/** Versions 4 to 11. */
export const Fetch = api("Fetch", 1, 12, fetchRequest, fetchResponse);
export type FetchRequest = Carried<typeof fetchRequest>;
export type FetchResponse = Carried<typeof fetchResponse>;

const listOffsetsRequest = struct({
  replicaId: int32,
  isolationLevel: since(2, int8, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({ partition: int32, currentLeaderEpoch: since(4, int32, -1), timestamp: int64 }),
      ),
    }),
  ),
});
const listOffsetsResponse = struct({
  throttleTimeMs: since(2, int32, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partition: int32,
          errorCode: int16,
          timestamp: int64,
          offset: int64,
          leaderEpoch: since(4, int32, -1),
        }),
      ),
    }),
  ),
});
/** Versions 1 to 5. */
export const ListOffsets = api("ListOffsets", 2, 6, listOffsetsRequest, listOffsetsResponse);

const deleteRecordsRequest = struct({
  topics: array(struct({ name: string, partitions: array(struct({ partition: int32, offset: int64 })) })),
  timeoutMs: int32,
});
const deleteRecordsResponse = struct({
  throttleTimeMs: int32,
  topics: array(
    struct({
      name: string,
      partitions: array(struct({ partition: int32, lowWatermark: int64, errorCode: int16 })),
    }),
  ),
});
export const DeleteRecords = api("DeleteRecords", 21, 2, deleteRecordsRequest, deleteRecordsResponse);

const offsetForLeaderEpochRequest = struct({
  replicaId: since(3, int32, -2),
  topics: array(
    struct({
      name: string,
      partitions: array(struct({ partition: int32, currentLeaderEpoch: int32, leaderEpoch: int32 })),
    }),
  ),
});
const offsetForLeaderEpochResponse = struct({
  throttleTimeMs: int32,
  topics: array(
    struct({
      name: string,
      partitions: array(struct({ errorCode: int16, partition: int32, leaderEpoch: int32, endOffset: int64 })),
    }),
  ),
});
/** Versions 2 and 3. */
export const OffsetForLeaderEpoch = api(
  "OffsetForLeaderEpoch",
  23,
  4,
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
);
