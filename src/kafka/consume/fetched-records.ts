// Holds what was fetched of one partition, as the broker sent it, and decodes it in parts when the reader needs records.
// Omits the records of aborted transactions and the records before the requested offset.

import type { ConsumedRecord } from "../../core/ports.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import { entrySize } from "../../wire/message-set.ts";
import type { PartLimit } from "../../wire/record-decoder.ts";
import type { AbortedTransaction } from "./aborted-transactions.ts";
import { BatchOpener, type OpenBatch } from "./batch-opener.ts";
import type { ReadShare } from "./read-budget.ts";

/** The limit of a part. One record that is larger is a part of its own. */
const PART: PartLimit = { records: 1000, bytes: 64 * 1024 };

/** The decoded part of what was fetched. It may contain no records. */
export interface Part {
  readonly records: readonly ConsumedRecord[];
  /** The offset of the next record, after the omitted batches at the end of the part. */
  readonly next: number;
  /** The leader epoch of the last batch of the part; -1 for a message of the formats v0 and v1. */
  readonly epoch: number;
  /** The bytes of the records. The receiver of the part releases them. */
  readonly bytes: number;
}

interface GrowingPart {
  readonly records: ConsumedRecord[];
  bytes: number;
  epoch: number;
  /** The number of batches that the part covers. */
  batches: number;
}

/** What was fetched of one partition, with the isolation level read_committed. */
export class FetchedRecords {
  readonly #place: { readonly topic: string; readonly partition: number };
  /** The offset that was requested. */
  readonly from: number;
  readonly #bytes: Buffer;
  readonly #share: ReadShare;
  readonly #opener: BatchOpener;
  #at = 0;
  #next: number;
  #open: OpenBatch | undefined;
  #isDecoding = false;
  #released = false;
  /** The error of the batch after the last part. */
  #failure: unknown;

  /**
   * @param from the offset that was requested; a batch may begin before it
   * @param aborted the aborted transactions in the response
   */
  constructor(
    place: { readonly topic: string; readonly partition: number },
    from: number,
    bytes: Buffer,
    aborted: readonly AbortedTransaction[],
    share: ReadShare,
  ) {
    this.#place = place;
    this.from = from;
    this.#next = from;
    // A copy, so that the response with the records of other partitions is not kept.
    this.#bytes = Buffer.from(bytes);
    this.#opener = new BatchOpener(share, aborted);
    this.#share = share;
    share.add(this.#bytes.length, "fetched");
  }

  /** The number of bytes that were fetched. */
  get size(): number {
    return this.#bytes.length;
  }

  /** The bytes of the batch that is decompressed now. */
  get heldBytes(): number {
    return this.#opener.heldBytes;
  }

  /**
   * Decodes the next part, which may contain records of several batches. Waits for `kafka.readBudget`.
   *
   * @returns undefined when nothing is left
   * @throws Error for a damaged or too large batch or an unknown compression; the reason of `stopping`
   */
  async next(stopping: AbortSignal): Promise<Part | undefined> {
    if (this.#failure) throw this.#failure;
    const part: GrowingPart = { records: [], bytes: 0, epoch: -1, batches: 0 };
    this.#isDecoding = true;
    try {
      while (await this.#grow(part, stopping));
    } catch (error) {
      this.#failure = error;
      if (part.records.length === 0 || stopping.aborted) {
        this.#share.release(part.bytes, "records");
        throw error;
      }
    } finally {
      this.#isDecoding = false;
    }
    if (part.batches === 0) return undefined;
    if (part.records.length === 0) {
      this.#share.release(part.bytes, "records");
      part.bytes = 0;
    }
    return { ...part, next: this.#next };
  }

  /** Adds records of one batch to a part. @returns false when the part is complete */
  async #grow(part: GrowingPart, stopping: AbortSignal): Promise<boolean> {
    await yieldToEventLoop();
    const isFirst = part.records.length === 0;
    // The records that were found already do not wait for the memory for others.
    if (!isFirst && !this.#open && this.#share.budget.isTight) return false;
    this.#open ??= await this.#openNext(stopping);
    if (!this.#open) return false;
    const { decoder, last, epoch } = this.#open;
    if (!decoder.done) {
      const left = { records: PART.records - part.records.length, bytes: PART.bytes - part.bytes };
      const size = decoder.sizeOf(left);
      if (!isFirst && size > left.bytes) return false;
      this.#share.add(size, "records");
      part.bytes += size;
      for (const record of decoder.next(size)) {
        if (record.offset >= this.from) part.records.push({ ...this.#place, ...record });
        this.#next = Math.max(this.#next, record.offset + 1);
      }
    }
    if (decoder.done) this.#closeBatch(last);
    part.epoch = epoch;
    part.batches++;
    return part.records.length < PART.records && part.bytes < PART.bytes;
  }

  /** Releases the memory. Called when nothing is needed any more. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#open = undefined;
    this.#opener.release(this.#isDecoding);
    this.#share.release(this.#bytes.length, "fetched");
  }

  #closeBatch(last: number): void {
    this.#open = undefined;
    this.#opener.close();
    this.#next = Math.max(this.#next, last + 1);
  }

  async #openNext(stopping: AbortSignal): Promise<OpenBatch | undefined> {
    const size = entrySize(this.#bytes, this.#at);
    if (size === undefined) return undefined;
    const entry = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return this.#opener.open(entry, stopping);
  }
}
