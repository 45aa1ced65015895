// What a partition knows of its idempotent producers: the rules of a real broker (ProducerStateManager).

import { KafkaCode } from "../wire/error-codes.ts";

const REMEMBERED = 5;
const SEQUENCES = 2 ** 31;

interface Appended {
  readonly first: number;
  readonly last: number;
  readonly baseOffset: number;
}

interface Entry {
  epoch: number;
  batches: Appended[];
}

export interface SequencedBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly count: number;
}

/** The verdict on a batch: append it, answer with an earlier offset, or refuse it. */
export type Verdict =
  | { readonly append: true }
  | { readonly append: false; readonly errorCode: number; readonly baseOffset: number };

/** Producers of one partition. */
export class ProducerStates {
  readonly #entries = new Map<number, Entry>();

  /** Judges a batch; a duplicate of one of the last five is answered with its old offset. */
  judge({ producerId, epoch, sequence, count }: SequencedBatch): Verdict {
    const entry = this.#entries.get(producerId);
    // An unknown producer is accepted at any sequence: its state may have expired.
    if (producerId < 0 || !entry) return { append: true };
    if (epoch < entry.epoch) return refuse(KafkaCode.INVALID_PRODUCER_EPOCH);
    if (epoch > entry.epoch)
      return sequence === 0 ? { append: true } : refuse(KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    const last = lastSequence(sequence, count);
    const duplicate = entry.batches.find((batch) => batch.first === sequence && batch.last === last);
    if (duplicate) return { append: false, errorCode: KafkaCode.NONE, baseOffset: duplicate.baseOffset };
    const expected = ((entry.batches.at(-1)?.last ?? -1) + 1) % SEQUENCES;
    return sequence === expected ? { append: true } : refuse(KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  }

  /** Notes a batch that was appended. */
  noteAppended({ producerId, epoch, sequence, count }: SequencedBatch, baseOffset: number): void {
    if (producerId < 0) return;
    let entry = this.#entries.get(producerId);
    if (!entry || entry.epoch !== epoch) {
      entry = { epoch, batches: [] };
      this.#entries.set(producerId, entry);
    }
    entry.batches.push({ first: sequence, last: lastSequence(sequence, count), baseOffset });
    if (entry.batches.length > REMEMBERED) entry.batches.shift();
  }
}

const lastSequence = (first: number, count: number): number => (first + count - 1) % SEQUENCES;
const refuse = (errorCode: number): Verdict => ({ append: false, errorCode, baseOffset: -1 });
