// Layout of Produce.

import {
  array,
  type Decoded,
  int16,
  int32,
  int64,
  nullableBytes,
  nullableString,
  since,
  struct,
  topicOf,
} from "../codec.ts";
import { api } from "./cluster.ts";

const produceRequest = struct({
  transactionalId: since(3, nullableString, null),
  acks: int16,
  timeoutMs: int32,
  topics: array(topicOf(struct({ partition: int32, records: nullableBytes }))),
});
const produceResponse = struct({
  topics: array(
    topicOf(
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
  ),
  throttleTimeMs: since(1, int32, 0),
});
/** Versions 3 to 8. Version 8 names the records that the broker rejected (KIP-467). */
export const Produce = api("Produce", 0, [3, 8], 9, produceRequest, produceResponse);
export type ProduceResponse = Decoded<typeof produceResponse>;
export type PartitionAnswer = ProduceResponse["topics"][number]["partitions"][number];
