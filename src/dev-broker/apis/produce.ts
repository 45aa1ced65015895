// Implements Produce.

import { KafkaCode } from "../../wire/error-codes.ts";
import { type PartitionAnswer, Produce } from "../../wire/messages/produce.ts";
import { readBatches } from "../../wire/record-batch-reader.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { State } from "../state.ts";
import type { TopicPartition } from "../transactional-producer.ts";

export const produceApi: Endpoint = endpoint(Produce, [3, 8], (state, { transactionalId, acks, topics }) => {
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partition, records }) =>
      produce(state, { topic: name, partition, transactionalId, acks }, records),
    ),
  }));
  return acks === 0 ? undefined : { topics: answers, throttleTimeMs: state.faults.throttleMs };
});

/** The partition of a request, and the fields that apply to all of its partitions. */
interface Target extends TopicPartition {
  readonly transactionalId: string | null;
  readonly acks: number;
}

function produce(state: State, target: Target, records: Buffer | null): PartitionAnswer {
  const { topic, partition, acks } = target;
  const log = state.topics.log(topic, partition);
  const answer = (part: Partial<PartitionAnswer>): PartitionAnswer => ({
    partition,
    errorCode: KafkaCode.NONE,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: log?.startOffset ?? -1,
    recordErrors: [],
    errorMessage: null,
    ...part,
  });
  if (acks < -1 || acks > 1) return answer({ errorCode: KafkaCode.INVALID_REQUIRED_ACKS });
  if (!log) return answer({ errorCode: KafkaCode.UNKNOWN_TOPIC_OR_PARTITION });
  if (records === null) return answer({ errorCode: KafkaCode.INVALID_RECORD });
  const [batch] = state.faults.produce ? readBatches(records) : [];
  const fault = batch && state.faults.produce?.({ topic, partition, ...batch, bytes: records });
  const result = fault?.append === false ? undefined : append(state, target, log, records);
  if (!fault) return answer(result ?? {});
  const recordErrors = (fault.recordErrors ?? []).map((batchIndex) => ({
    batchIndex,
    message: "injected fault",
  }));
  const baseOffset = fault.baseOffset ?? result?.baseOffset ?? -1;
  return answer({
    errorCode: fault.errorCode,
    baseOffset,
    recordErrors,
    errorMessage: fault.errorMessage ?? null,
  });
}

function append(state: State, target: Target, log: PartitionLog, records: Buffer): Partial<PartitionAnswer> {
  const errorCode = transactionErrorCode(state, target, records);
  if (errorCode !== KafkaCode.NONE) return { errorCode };
  const { stored, ...answer } = log.append(records, Date.now());
  const topic = state.topics.get(target.topic);
  if (stored && topic) state.topics.onAppend(topic, log, stored);
  return answer;
}

/** The error code of a transactional batch; 0 when its producer may write to the partition, and for other batches. */
function transactionErrorCode(
  { transactions }: State,
  { transactionalId, ...target }: Target,
  records: Buffer,
): number {
  const [batch] = readBatches(records);
  if (!batch?.transactional) return KafkaCode.NONE;
  // A transactional id that is not given cannot be authorized.
  if (transactionalId === null) return KafkaCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  const caller = { producerId: batch.producerId, producerEpoch: batch.epoch };
  return transactions.with(transactionalId, (producer) => producer.verify(caller, target));
}
