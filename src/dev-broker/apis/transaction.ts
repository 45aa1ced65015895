// Implements InitProducerId, AddPartitionsToTxn and EndTxn.

import { KafkaCode } from "../../wire/error-codes.ts";
import { InitProducerId } from "../../wire/messages/cluster.ts";
import { AddPartitionsToTxn, EndTxn } from "../../wire/messages/transaction.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import type { State } from "../state.ts";
import type { ProducerIdentity } from "../transactional-producer.ts";

export const transactionApis: readonly Endpoint[] = [
  endpoint(InitProducerId, [0, 4], (state, request, { version }) => {
    const result = state.faults.producerId?.() ?? init(state, request);
    return typeof result === "number"
      ? {
          throttleTimeMs: 0,
          errorCode: downgraded(result, version >= 4),
          producerId: -1,
          producerEpoch: -1,
        }
      : { throttleTimeMs: 0, errorCode: KafkaCode.NONE, ...result };
  }),
  endpoint(AddPartitionsToTxn, [0, 3], (state, { transactionalId, topics, ...caller }, { version }) => {
    const isKnown = (topic: string, partition: number): boolean =>
      state.topics.log(topic, partition) !== undefined;
    const added = topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => ({ topic: name, partition })),
    );
    // Either all partitions are added or none.
    const errorCode = added.every(({ topic, partition }) => isKnown(topic, partition))
      ? state.transactions.with(transactionalId, (producer) => producer.add(caller, added))
      : KafkaCode.OPERATION_NOT_ATTEMPTED;
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({
          partition,
          errorCode: isKnown(name, partition)
            ? downgraded(errorCode, version >= 2)
            : KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      })),
    };
  }),
  endpoint(EndTxn, [0, 3], ({ transactions }, { transactionalId, committed, ...caller }, { version }) => {
    const errorCode = transactions.with(transactionalId, (producer) => producer.end(caller, committed));
    return { throttleTimeMs: 0, errorCode: downgraded(errorCode, version >= 2) };
  }),
];

function init(
  { transactions }: State,
  request: ProducerIdentity & {
    readonly transactionalId: string | null;
    readonly transactionTimeoutMs: number;
  },
): ProducerIdentity | number {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  if (transactionalId === null) return { producerId: transactions.nextProducerId(), producerEpoch: 0 };
  if (producerId < 0 !== producerEpoch < 0) return KafkaCode.INVALID_REQUEST;
  const own = producerId < 0 ? undefined : { producerId, producerEpoch };
  return transactions.init(transactionalId, own, transactionTimeoutMs);
}

/** Clients of earlier versions do not know PRODUCER_FENCED. */
function downgraded(errorCode: number, knowsFenced: boolean): number {
  return errorCode === KafkaCode.PRODUCER_FENCED && !knowsFenced
    ? KafkaCode.INVALID_PRODUCER_EPOCH
    : errorCode;
}
