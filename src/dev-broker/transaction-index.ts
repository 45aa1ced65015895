// Tracks the transactions in the log of one partition, as Kafka's ProducerStateManager and transaction index do: those
// that are open, and those that were aborted.

import { isAbort } from "../wire/control-batch.ts";
import type { Batch } from "../wire/record-batch-reader.ts";
import type { StoredBatch } from "./append-checks.ts";

/** An aborted transaction: its producer, the offset of its first record, and the offset of its marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

/** The transactions of one partition. */
export class TransactionIndex {
  /** The first offset of each open transaction, by producer id. */
  readonly #open = new Map<number, number>();
  #aborted: AbortedTransaction[] = [];

  /** Called once per appended batch, in the order of the log. */
  add(batch: Batch, { baseOffset, lastOffset }: StoredBatch): void {
    const { producerId } = batch;
    const firstOffset = this.#open.get(producerId);
    if (!batch.control) {
      if (batch.transactional && firstOffset === undefined) this.#open.set(producerId, baseOffset);
      return;
    }
    this.#open.delete(producerId);
    if (firstOffset !== undefined && isAbort(batch))
      this.#aborted.push({ producerId, firstOffset, lastOffset });
  }

  hasOpen(producerId: number): boolean {
    return this.#open.has(producerId);
  }

  /** The first offset of the open transactions; undefined when none is open. */
  get firstOpen(): number | undefined {
    return this.#open.size > 0 ? Math.min(...this.#open.values()) : undefined;
  }

  /** The aborted transactions with offsets from `from` to `to` (exclusive). */
  abortedBetween(from: number, to: number): AbortedTransaction[] {
    return this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to);
  }

  /** Whether the batch of a producer at an offset belongs to an aborted transaction. */
  isAborted(producerId: number, offset: number): boolean {
    return this.#aborted.some(
      (aborted) =>
        aborted.producerId === producerId && offset >= aborted.firstOffset && offset <= aborted.lastOffset,
    );
  }

  /** Removes the aborted transactions that ended before `offset`. */
  deleteBefore(offset: number): void {
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= offset);
  }
}
