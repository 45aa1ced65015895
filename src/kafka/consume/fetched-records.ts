// Holds what was fetched of one partition, as the broker sent it, and decodes it in parts when the reader needs records.
// Omits the records of aborted transactions and the records before the requested offset.

import type { ConsumedRecord } from "../../core/ports.ts";
import { breathe } from "../../core/time.ts";
import { entryMagic, entrySize, type Message, MessageDecoder, readMessage } from "../../wire/message-set.ts";
import { BATCH_HEADER, type Batch, readBatch } from "../../wire/record-batch-reader.ts";
import { type Decoder, type PartLimit, RecordDecoder } from "../../wire/record-decoder.ts";
import { type AbortedTransaction, AbortedTransactions } from "./aborted-transactions.ts";
import { allocateContent, freeContent } from "./content-memory.ts";
import { BatchTooLarge, decompress } from "./decompress.ts";
import type { ReadShare } from "./read-budget.ts";

/** The limit of a part. One record that is larger is a part of its own. */
const PART: PartLimit = { records: 1000, bytes: 64 * 1024 };

/** The decoded part of what was fetched. It may contain no records. */
export interface Part {
  readonly records: readonly ConsumedRecord[];
  /** The offset after the part, or after the batch if the part is its last one. */
  readonly next: number;
  /** The leader epoch of the batch; -1 for an old message. */
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

interface OpenBatch {
  readonly decoder: Decoder;
  readonly last: number;
  readonly epoch: number;
}

/** What was fetched of one partition, with the isolation level read_committed. */
export class FetchedRecords {
  readonly #place: { readonly topic: string; readonly partition: number };
  /** The offset that was requested. */
  readonly from: number;
  readonly #bytes: Buffer;
  readonly #share: ReadShare;
  readonly #aborted: AbortedTransactions;
  #at = 0;
  #next: number;
  #open: OpenBatch | undefined;
  /** The memory of the open batch, if it was decompressed. */
  #content: Buffer | undefined;
  /** The bytes that are counted for the open batch. */
  #charged = 0;
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
    this.#aborted = new AbortedTransactions(aborted);
    this.#share = share;
    share.add(this.#bytes.length, "fetched");
  }

  /** The number of bytes that were fetched. */
  get size(): number {
    return this.#bytes.length;
  }

  /** The bytes of the batch that is decompressed now. */
  get heldBytes(): number {
    return this.#charged;
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
    await breathe();
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

  /** Releases the memory. Called once, when nothing is needed any more. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#open = undefined;
    if (this.#isDecoding) this.#content = undefined;
    this.#free();
    this.#share.release(this.#charged, "batch");
    this.#charged = 0;
    this.#share.release(this.#bytes.length, "fetched");
  }

  #closeBatch(last: number): void {
    this.#open = undefined;
    this.#free();
    this.#next = Math.max(this.#next, last + 1);
    this.#share.release(this.#charged, "batch");
    this.#charged = 0;
  }

  /** Opens the next batch with records for the reader. Moves past batches without any. */
  async #openNext(stopping: AbortSignal): Promise<OpenBatch | undefined> {
    for (;;) {
      const size = entrySize(this.#bytes, this.#at);
      if (size === undefined) return undefined;
      const bytes = this.#bytes.subarray(this.#at, this.#at + size);
      const magic = entryMagic(this.#bytes, this.#at);
      this.#at += size;
      if (magic > 2) throw new Error(`the message format ${magic} is not known`);
      const opened =
        magic < 2
          ? await this.#openMessage(readMessage(bytes), stopping)
          : await this.#openBatch(readBatch(bytes), stopping);
      if (opened) return opened;
    }
  }

  async #openBatch(batch: Batch, stopping: AbortSignal): Promise<OpenBatch | undefined> {
    const last = batch.baseOffset + batch.lastOffsetDelta;
    if (!batch.crcValid) throw damaged(batch.baseOffset);
    if (this.#aborted.leavesOut(batch)) return { decoder: NOTHING, last, epoch: batch.leaderEpoch };
    const content = batch.bytes.subarray(BATCH_HEADER);
    const records = await this.#decompress(batch.compression, content, stopping);
    return { decoder: new RecordDecoder(batch, records), last, epoch: batch.leaderEpoch };
  }

  async #openMessage(message: Message, stopping: AbortSignal): Promise<OpenBatch | undefined> {
    if (!message.crcValid) throw damaged(message.offset);
    if (message.compression === 0)
      return { decoder: new MessageDecoder(message, message.bytes), last: message.offset, epoch: -1 };
    const content = await this.#decompress(message.compression, message.value ?? Buffer.alloc(0), stopping);
    return { decoder: new MessageDecoder(message, content), last: message.offset, epoch: -1 };
  }

  async #decompress(compression: number, content: Buffer, stopping: AbortSignal): Promise<Buffer> {
    if (compression === 0) return content;
    const { maxBatch } = this.#share.budget;
    const reserve = async (bytes: number): Promise<void> => {
      this.#charge(0);
      await this.#share.reserveBatch(bytes, stopping);
      this.#charged = bytes;
      if (this.#released) this.#charge(0);
    };
    const allocate = (bytes: number): Buffer => {
      this.#free();
      this.#content = allocateContent(bytes);
      return this.#content;
    };
    const records = await decompress(compression, content, { limit: maxBatch, reserve, allocate }).catch(
      (error: unknown) => {
        this.#charge(0);
        if (error instanceof BatchTooLarge)
          throw new Error(`${error.message}; kafka.maxUnpackedBatch allows ${maxBatch} bytes`);
        throw error;
      },
    );
    this.#charge(records.length);
    return records;
  }

  #free(): void {
    if (this.#content) freeContent(this.#content);
    this.#content = undefined;
  }

  /** Replaces the bytes that are counted for the open batch. */
  #charge(wanted: number): void {
    const bytes = this.#released ? 0 : wanted;
    if (bytes === this.#charged) return;
    this.#share.release(this.#charged, "batch");
    if (bytes > 0) this.#share.add(bytes, "batch");
    this.#charged = bytes;
  }
}

/** The decoder of a batch without records for the reader. */
const NOTHING: Decoder = { done: true, sizeOf: () => 0, next: () => [] };

const damaged = (offset: number): Error =>
  new Error(`the batch at offset ${offset} is damaged: its checksum is wrong`);
