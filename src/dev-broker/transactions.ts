// Stores the transactional ids of the development broker, and writes the markers of their transactions.

import { KafkaCode } from "../wire/error-codes.ts";
import type { Faults } from "./faults.ts";
import type { Topics } from "./topics.ts";
import {
  type ProducerDeps,
  type ProducerIdentity,
  type TopicPartition,
  TransactionalProducer,
} from "./transactional-producer.ts";

/** The default of `transaction.max.timeout.ms`. */
const MAX_TIMEOUT_MS = 900_000;

/** The transactional ids. */
export class Transactions implements ProducerDeps {
  readonly #topics: Topics;
  readonly #faults: Faults;
  readonly #byId = new Map<string, TransactionalProducer>();
  #nextProducerId = 1000;

  constructor(topics: Topics, faults: Faults) {
    this.#topics = topics;
    this.#faults = faults;
  }

  nextProducerId(): number {
    return this.#nextProducerId++;
  }

  /**
   * Handles InitProducerId with a transactional id.
   *
   * @param own the identity of the caller; undefined: the caller takes over
   * @returns the new identity, or an error code
   */
  init(id: string, own: ProducerIdentity | undefined, timeoutMs: number): ProducerIdentity | number {
    if (id === "") return KafkaCode.INVALID_REQUEST;
    if (timeoutMs <= 0 || timeoutMs > MAX_TIMEOUT_MS) return KafkaCode.INVALID_TRANSACTION_TIMEOUT;
    let producer = this.#byId.get(id);
    if (!producer) {
      producer = new TransactionalProducer(this);
      this.#byId.set(id, producer);
    }
    return producer.init(own, timeoutMs);
  }

  /**
   * Calls `handle` with the producer of a transactional id.
   *
   * @returns the result, an error code; INVALID_PRODUCER_ID_MAPPING when the id does not exist or has expired
   */
  with(id: string, handle: (producer: TransactionalProducer) => number): number {
    if (id === "") return KafkaCode.INVALID_REQUEST;
    const producer = this.#byId.get(id);
    return producer ? handle(producer) : KafkaCode.INVALID_PRODUCER_ID_MAPPING;
  }

  /** Removes all transactional ids without a transaction, as after `transactional.id.expiration.ms`. */
  expire(): void {
    for (const [id, producer] of this.#byId) if (producer.canExpire) this.#byId.delete(id);
  }

  writeMarkers(
    partitions: readonly TopicPartition[],
    { producerId, producerEpoch }: ProducerIdentity,
    committed: boolean,
    done: () => void,
  ): void {
    const write = (): void => {
      for (const { topic, partition } of partitions)
        this.#topics.appendMarker(topic, partition, { producerId, epoch: producerEpoch, committed });
      done();
    };
    const held = this.#faults.markers?.(producerId);
    if (held !== undefined) void held.then(write);
    else write();
  }
}
