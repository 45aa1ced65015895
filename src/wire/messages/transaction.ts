// Layouts of AddPartitionsToTxn and EndTxn. InitProducerId and FindCoordinator are in cluster.ts: clients without
// transactions use them as well.

import { array, boolean, int16, int32, int64, string, struct, topicOf } from "../codec.ts";
import { api } from "./cluster.ts";

const addPartitionsToTxnRequest = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  topics: array(topicOf(int32)),
});
const addPartitionsToTxnResponse = struct({
  throttleTimeMs: int32,
  topics: array(topicOf(struct({ partition: int32, errorCode: int16 }))),
});
/** The layout of versions 0 to 3. The client uses version 3: later ones are for brokers (KIP-890). */
export const AddPartitionsToTxn = api(
  "AddPartitionsToTxn",
  24,
  [3, 3],
  3,
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
);

const endTxnRequest = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  /** True commits the transaction, and false aborts it. */
  committed: boolean,
});
const endTxnResponse = struct({ throttleTimeMs: int32, errorCode: int16 });
/** The layout of versions 0 to 3. The client uses version 3: version 5 increments the epoch only on some brokers. */
export const EndTxn = api("EndTxn", 26, [3, 3], 3, endTxnRequest, endTxnResponse);
