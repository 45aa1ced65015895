// A batch in which the broker rejects records: which of its records are sent again.

import type { OnrampError } from "../../core/errors.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import type { PartitionAnswer } from "../../wire/messages/produce.ts";
import type { Batch } from "./batch.ts";
import { namedRecords } from "./outcomes.ts";
import { type Segment, settleFailed } from "./segment.ts";

/**
 * Fails the records that the broker names, and returns segments of one record each. If it names none, or a policy
 * rejects the batch, it returns each segment for a batch of its own, so that only the request with the bad record fails.
 *
 * @param errorOf makes the error of one record from the broker's message for it, if there is one
 * @returns the segments to send again, in their order; undefined when all records of the batch fail
 */
export function withoutBadRecords(
  batch: Batch,
  answer: PartitionAnswer,
  errorOf: (message: string | null | undefined) => OnrampError,
): readonly Segment[] | undefined {
  const messages = namedRecords(answer, batch.count);
  if (messages.size === 0 || answer.errorCode === KafkaCode.POLICY_VIOLATION)
    return batch.segments.length === 1 ? undefined : batch.aloneSegments();
  const singles = batch.recordSegments();
  singles.forEach((single, index) => {
    if (messages.has(index)) settleFailed(single, errorOf(messages.get(index)));
  });
  return singles;
}
