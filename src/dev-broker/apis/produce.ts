// Implements Produce.

import { KafkaCode } from "../../wire/error-codes.ts";
import { type PartitionAnswer, Produce } from "../../wire/messages/produce.ts";
import { readBatches } from "../../wire/record-batch-reader.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { State } from "../state.ts";

export const produceApi: Endpoint = endpoint(Produce, [3, 8], (state, { acks, topics }) => {
  const answers = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partition, records }) => produce(state, name, partition, records, acks)),
  }));
  return acks === 0 ? undefined : { topics: answers, throttleTimeMs: state.faults.throttleMs };
});

function produce(
  state: State,
  topic: string,
  partition: number,
  records: Buffer | null,
  acks: number,
): PartitionAnswer {
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
  const result = fault?.append === false ? undefined : append(state, topic, log, records);
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

function append(state: State, name: string, log: PartitionLog, records: Buffer): Partial<PartitionAnswer> {
  const { stored, ...answer } = log.append(records, Date.now());
  const topic = state.topics.get(name);
  if (stored && topic) state.topics.onAppend(topic, log, stored);
  return answer;
}
