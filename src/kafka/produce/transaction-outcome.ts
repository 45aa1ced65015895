// The outcomes of the batches of a transaction.

import { KafkaCode } from "../../wire/error-codes.ts";
import type { PartitionAnswer } from "../../wire/messages/produce.ts";
import { outcomeOf } from "./outcomes.ts";
import type { PlannedBatch } from "./transaction-parts.ts";

/** A batch that was not written, or whose outcome is not known. */
export interface FailedBatch {
  readonly batch: PlannedBatch;
  /** Undefined when there is no answer. */
  readonly answer: PartitionAnswer | undefined;
  readonly reason: string;
}

/** The outcomes of the batches of a transaction. */
export interface Produced {
  /** The offset of the last record in each partition, by `topic/partition`. */
  readonly lastOffsets: Map<string, number>;
  readonly failed: FailedBatch[];
}

/** Whether the broker refused because of the records, and not because of the transaction. */
export const isRecordFault = ({ answer }: FailedBatch): boolean => {
  if (!answer) return false;
  const outcome = outcomeOf(answer.errorCode, answer.baseOffset);
  return outcome === "bad-records" || outcome === "split";
};

/** Whether Onramp's user lacks the ACL to write. */
export const isDenied = ({ answer }: FailedBatch): boolean =>
  answer?.errorCode === KafkaCode.TOPIC_AUTHORIZATION_FAILED ||
  answer?.errorCode === KafkaCode.CLUSTER_AUTHORIZATION_FAILED;
