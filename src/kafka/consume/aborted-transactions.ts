// Finds the batches of aborted transactions, which a reader with the isolation level read_committed leaves out.

import { isAbort } from "../../wire/control-batch.ts";
import type { Batch } from "../../wire/record-batch-reader.ts";

/** An aborted transaction: its producer and its first offset. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Tracks the aborted transactions of one Fetch response. */
export class AbortedTransactions {
  readonly #pending: AbortedTransaction[];
  readonly #producers = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Whether a batch has no records for the reader. Called once per batch, in the order of the log. */
  leavesOut(batch: Batch): boolean {
    const last = batch.baseOffset + batch.lastOffsetDelta;
    while (this.#pending[0] && this.#pending[0].firstOffset <= last)
      this.#producers.add((this.#pending.shift() as AbortedTransaction).producerId);
    if (!batch.control) return batch.transactional && this.#producers.has(batch.producerId);
    if (isAbort(batch)) this.#producers.delete(batch.producerId);
    return true;
  }
}
