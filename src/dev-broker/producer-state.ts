// Checks the sequence numbers of idempotent producers in one partition. The rules are those of Kafka's
// ProducerStateManager.

import { KafkaCode } from "../wire/error-codes.ts";

/** The number of recent batches per producer that a new batch is compared with, to find duplicates. */
const RECENT_BATCHES = 5;
/** The number of sequence numbers: after the last one, the next is 0. */
const SEQUENCES = 2 ** 31;

/** The sequence numbers and the base offset of an appended batch. */
interface RecentBatch {
  readonly first: number;
  readonly last: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  batches: RecentBatch[];
}

/** The fields of a batch that the check needs. */
export interface SequencedBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly count: number;
}

/** The result of a check: append the batch, return the offset of its duplicate, or reject it. */
export type SequenceCheck =
  | { readonly append: true }
  | { readonly append: false; readonly errorCode: number; readonly baseOffset: number };

/** The idempotent producers of one partition. */
export class ProducerStates {
  readonly #producers = new Map<number, ProducerState>();

  /** Checks a batch. For a duplicate of one of the last five batches, the result has the offset of that batch. */
  check({ producerId, epoch, sequence, count }: SequencedBatch): SequenceCheck {
    const producer = this.#producers.get(producerId);
    // An unknown producer is accepted at any sequence: its state may have expired.
    if (producerId < 0 || !producer) return { append: true };
    if (epoch < producer.epoch) return rejected(KafkaCode.INVALID_PRODUCER_EPOCH);
    if (epoch > producer.epoch)
      return sequence === 0 ? { append: true } : rejected(KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    const last = lastSequence(sequence, count);
    const duplicate = producer.batches.find((batch) => batch.first === sequence && batch.last === last);
    if (duplicate) return { append: false, errorCode: KafkaCode.NONE, baseOffset: duplicate.baseOffset };
    const expected = ((producer.batches.at(-1)?.last ?? -1) + 1) % SEQUENCES;
    return sequence === expected ? { append: true } : rejected(KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  }

  /** Stores the sequence numbers of an appended batch. */
  add({ producerId, epoch, sequence, count }: SequencedBatch, baseOffset: number): void {
    if (producerId < 0) return;
    let producer = this.#producers.get(producerId);
    if (!producer || producer.epoch !== epoch) {
      producer = { epoch, batches: [] };
      this.#producers.set(producerId, producer);
    }
    producer.batches.push({ first: sequence, last: lastSequence(sequence, count), baseOffset });
    if (producer.batches.length > RECENT_BATCHES) producer.batches.shift();
  }

  /** Stores the epoch of a marker. A batch of an earlier epoch is rejected from now on. */
  fence({ producerId, epoch }: Pick<SequencedBatch, "producerId" | "epoch">): void {
    if (epoch > (this.#producers.get(producerId)?.epoch ?? -1))
      this.#producers.set(producerId, { epoch, batches: [] });
  }
}

const lastSequence = (first: number, count: number): number => (first + count - 1) % SEQUENCES;
const rejected = (errorCode: number): SequenceCheck => ({ append: false, errorCode, baseOffset: -1 });
