// Opens the batches of a Fetch response, one at a time: checks and decompresses a batch, and counts its memory.

import { yieldToEventLoop } from "../../core/time.ts";
import { entryMagic, LastOffset, type Message, MessageDecoder, readMessage } from "../../wire/message-set.ts";
import { isOffset } from "../../wire/reader.ts";
import { BATCH_OVERHEAD } from "../../wire/record-batch.ts";
import { type Batch, readBatch } from "../../wire/record-batch-reader.ts";
import { type Decoder, NO_RECORDS, RecordDecoder } from "../../wire/record-decoder.ts";
import { type AbortedTransaction, AbortedTransactions } from "./aborted-transactions.ts";
import { allocateContent, freeContent } from "./content-memory.ts";
import { BatchTooLarge, decompress } from "./decompress.ts";
import type { ReadShare } from "./read-budget.ts";

/** The number of messages of a set that are searched at once. */
const STEP = 10_000;

/** A batch whose records can be decoded. */
export interface OpenBatch {
  readonly decoder: Decoder;
  /** The offset of its last record. */
  readonly last: number;
  /** Its leader epoch; -1 for a message of the formats v0 and v1. */
  readonly epoch: number;
}

/** Opens batches. Holds the memory of one decompressed batch at a time. */
export class BatchOpener {
  readonly #share: ReadShare;
  readonly #aborted: AbortedTransactions;
  #content: Buffer | undefined;
  #charged = 0;
  #released = false;

  /** @param aborted the aborted transactions in the response */
  constructor(share: ReadShare, aborted: readonly AbortedTransaction[]) {
    this.#share = share;
    this.#aborted = new AbortedTransactions(aborted);
  }

  /** The bytes of the batch that is decompressed now; 0 if there is none. */
  get heldBytes(): number {
    return this.#charged;
  }

  /**
   * Opens a batch or a message. Waits for `kafka.readBudget` if it is compressed.
   *
   * @throws Error for a damaged or too large batch or an unknown compression; the reason of `stopping`
   */
  async open(entry: Buffer, stopping: AbortSignal): Promise<OpenBatch> {
    const magic = entryMagic(entry, 0);
    if (magic < 0 || magic > 2) throw new Error(`the message format ${magic} is not known`);
    return magic < 2
      ? this.#openMessage(readMessage(entry), stopping)
      : this.#openBatch(readBatch(entry), stopping);
  }

  /** Called when the records of the open batch have been decoded. */
  close(): void {
    this.#free();
    this.#charge(0);
  }

  /** Called when nothing is needed any more. @param isInUse the memory may still be written to */
  release(isInUse: boolean): void {
    if (isInUse) this.#content = undefined;
    this.close();
    this.#released = true;
  }

  async #openBatch(batch: Batch, stopping: AbortSignal): Promise<OpenBatch> {
    const last = batch.baseOffset + batch.lastOffsetDelta;
    const epoch = batch.leaderEpoch;
    if (!batch.crcValid) throw damaged(batch.baseOffset);
    if (!isOffset(batch.baseOffset) || batch.lastOffsetDelta < 0 || batch.count < 0)
      throw new Error(`a batch claims ${batch.count} records from offset ${batch.baseOffset}`);
    if (this.#aborted.leavesOut(batch)) return { decoder: NO_RECORDS, last, epoch };
    const content = batch.bytes.subarray(BATCH_OVERHEAD);
    const records = await this.#decompress(batch.compression, content, stopping);
    return { decoder: new RecordDecoder(batch, records), last, epoch };
  }

  async #openMessage(message: Message, stopping: AbortSignal): Promise<OpenBatch> {
    if (!message.crcValid) throw damaged(message.offset);
    const opened = { last: message.offset, epoch: -1 };
    if (message.compression === 0)
      return { decoder: new MessageDecoder(message, message.bytes, message.offset), ...opened };
    const content = await this.#decompress(message.compression, message.value ?? Buffer.alloc(0), stopping);
    const lastOffset = new LastOffset(content);
    while (!lastOffset.step(STEP)) await yieldToEventLoop();
    return { decoder: new MessageDecoder(message, content, lastOffset.value), ...opened };
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
    try {
      const records = await decompress(compression, content, { limit: maxBatch, reserve, allocate });
      this.#charge(records.length);
      return records;
    } catch (error) {
      this.#charge(0);
      if (!(error instanceof BatchTooLarge)) throw error;
      throw new Error(`${error.message}; kafka.maxUnpackedBatch allows ${maxBatch} bytes`);
    }
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

const damaged = (offset: number): Error =>
  new Error(`the batch at offset ${offset} is damaged: its checksum is wrong`);
