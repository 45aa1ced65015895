// The state of one transactional id. The rules are those of Kafka's TransactionCoordinator for clients that use EndTxn up
// to version 4.

import { KafkaCode } from "../wire/error-codes.ts";

/** From this epoch on, the producer gets another id instead of the next epoch. */
const LAST_EPOCH = 32_766;

/** A producer id and an epoch. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The dependencies of a producer. */
export interface ProducerDeps {
  nextProducerId(): number;
  /** Writes the markers of a transaction and calls `done` after the last one. */
  writeMarkers(
    partitions: readonly TopicPartition[],
    identity: ProducerIdentity,
    committed: boolean,
    done: () => void,
  ): void;
}

type State = "empty" | "ongoing" | "committing" | "aborting" | "committed" | "aborted";

/** The producer of one transactional id. */
export class TransactionalProducer {
  readonly #deps: ProducerDeps;
  readonly #partitions = new Map<string, TopicPartition>();
  #identity: ProducerIdentity;
  /** The identity before the last new epoch, if its owner may continue with that epoch. */
  #previous: ProducerIdentity | undefined;
  #state: State = "empty";
  #timeoutMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ProducerDeps) {
    this.#deps = deps;
    this.#identity = { producerId: deps.nextProducerId(), producerEpoch: -1 };
  }

  /** Whether the transactional id can expire: only without a transaction. */
  get canExpire(): boolean {
    return this.#state !== "ongoing" && !this.#isEnding;
  }

  /**
   * Handles InitProducerId. An ongoing transaction is aborted first.
   *
   * @param own the identity of the caller; undefined: the caller takes over
   * @returns the new identity, or an error code
   */
  init(own: ProducerIdentity | undefined, timeoutMs: number): ProducerIdentity | number {
    const isNew = this.#identity.producerEpoch < 0;
    const isRetry = own !== undefined && isSame(own, this.#previous);
    if (own && !isNew && !isRetry && own.producerId !== this.#identity.producerId)
      return KafkaCode.PRODUCER_FENCED;
    if (this.#isEnding) return KafkaCode.CONCURRENT_TRANSACTIONS;
    if (this.#state === "ongoing") {
      this.#fence();
      return KafkaCode.CONCURRENT_TRANSACTIONS;
    }
    if (own && !isNew && !isRetry && !isSame(own, this.#identity)) return KafkaCode.PRODUCER_FENCED;
    this.#state = "empty";
    this.#timeoutMs = timeoutMs;
    // A repeated request gets the same answer.
    if (!isRetry) this.#nextEpoch(own && this.#identity);
    return this.#identity;
  }

  /** Handles AddPartitionsToTxn. Begins a transaction if none is ongoing. @returns the error code */
  add(caller: ProducerIdentity, partitions: readonly TopicPartition[]): number {
    const errorCode = this.#errorOf(caller, KafkaCode.PRODUCER_FENCED);
    if (errorCode !== KafkaCode.NONE) return errorCode;
    if (this.#isEnding) return KafkaCode.CONCURRENT_TRANSACTIONS;
    if (this.#state !== "ongoing") {
      this.#state = "ongoing";
      // The timer does not keep the process running. After a stop of the broker, its state is still in memory.
      this.#timer = setTimeout(() => this.#fence(), this.#timeoutMs).unref();
    }
    for (const added of partitions) this.#partitions.set(keyOf(added), added);
    return KafkaCode.NONE;
  }

  /** Handles EndTxn. A repeated request succeeds. @returns the error code */
  end(caller: ProducerIdentity, committed: boolean): number {
    const errorCode = this.#errorOf(caller, KafkaCode.PRODUCER_FENCED);
    if (errorCode !== KafkaCode.NONE) return errorCode;
    if (this.#state === (committed ? "committed" : "aborted")) return KafkaCode.NONE;
    if (this.#state === (committed ? "committing" : "aborting")) return KafkaCode.CONCURRENT_TRANSACTIONS;
    if (this.#state !== "ongoing") return KafkaCode.INVALID_TXN_STATE;
    this.#end(committed);
    return KafkaCode.NONE;
  }

  /** Whether the caller may write to a partition in its transaction. @returns the error code for Produce */
  verify(caller: ProducerIdentity, partition: TopicPartition): number {
    const errorCode = this.#errorOf(caller, KafkaCode.INVALID_PRODUCER_EPOCH);
    if (errorCode !== KafkaCode.NONE) return errorCode;
    // Clients of Produce v8 know CONCURRENT_TRANSACTIONS from the coordinator only.
    if (this.#isEnding) return KafkaCode.NOT_ENOUGH_REPLICAS;
    return this.#partitions.has(keyOf(partition)) ? KafkaCode.NONE : KafkaCode.INVALID_TXN_STATE;
  }

  get #isEnding(): boolean {
    return this.#state === "committing" || this.#state === "aborting";
  }

  #errorOf({ producerId, producerEpoch }: ProducerIdentity, fenced: number): number {
    if (producerId !== this.#identity.producerId) return KafkaCode.INVALID_PRODUCER_ID_MAPPING;
    return producerEpoch === this.#identity.producerEpoch ? KafkaCode.NONE : fenced;
  }

  /** Aborts the transaction under the next epoch, so that the producer cannot continue it. */
  #fence(): void {
    this.#previous = this.#identity;
    this.#identity = { ...this.#identity, producerEpoch: this.#identity.producerEpoch + 1 };
    this.#end(false);
  }

  #nextEpoch(previous: ProducerIdentity | undefined): void {
    const { producerId, producerEpoch } = this.#identity;
    this.#previous = previous;
    this.#identity =
      producerEpoch < LAST_EPOCH
        ? { producerId, producerEpoch: producerEpoch + 1 }
        : { producerId: this.#deps.nextProducerId(), producerEpoch: 0 };
  }

  #end(committed: boolean): void {
    clearTimeout(this.#timer);
    this.#state = committed ? "committing" : "aborting";
    this.#deps.writeMarkers([...this.#partitions.values()], this.#identity, committed, () => {
      this.#partitions.clear();
      this.#state = committed ? "committed" : "aborted";
    });
  }
}

const isSame = (a: ProducerIdentity, b: ProducerIdentity | undefined): boolean =>
  a.producerId === b?.producerId && a.producerEpoch === b.producerEpoch;

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
