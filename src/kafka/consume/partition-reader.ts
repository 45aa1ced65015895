// The reader of one partition: holds its position, and the records that were fetched and not yet handled.

import type { ConsumedRecord, FeedPosition } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { type AbortedTransaction, readFetched } from "./fetched-records.ts";

/** Receives records from the fetcher, and holds them until its only user takes them. */
export class PartitionReader {
  readonly topic: string;
  readonly partition: number;
  /** The records that were fetched and not taken. */
  records: ConsumedRecord[] = [];
  /** The offset for the next fetch. */
  fetchFrom: number;
  /** Called when the reader has no records left or is waiting for some, so that the fetcher fetches more. */
  onNeedsFetch: () => void = () => {};
  /** True when the partition does not have the offset `fetchFrom`. Nothing is fetched until `seek` is called. */
  outOfRange = false;
  #position: number;
  /** The end of the partition at the last fetch (the last stable offset). */
  #end: number | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(topic: string, partition: number, position: number) {
    this.topic = topic;
    this.partition = partition;
    this.#position = position;
    this.fetchFrom = position;
  }

  /** The offset of the next record to take. */
  get position(): number {
    return this.#position;
  }
  /** True when the fetcher should fetch records. */
  get needsFetch(): boolean {
    return this.records.length === 0 && !this.outOfRange && this.#failure === undefined;
  }
  /** The position, and its distance from the end of the partition, which was read at the last fetch. */
  get state(): FeedPosition {
    const { topic, partition, position } = this;
    return {
      topic,
      partition,
      position,
      lag: this.#end === undefined ? undefined : Math.max(0, this.#end - position),
    };
  }

  /** Called with the result of a fetch. @param end the last stable offset */
  accept(bytes: Buffer, aborted: readonly AbortedTransaction[], end: number): void {
    this.#end = end;
    try {
      const { records, next } = readFetched(
        { topic: this.topic, partition: this.partition, from: this.fetchFrom },
        bytes,
        aborted,
      );
      this.records = records;
      this.fetchFrom = next;
      if (records.length === 0) this.#position = next;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#wake?.();
  }

  /** Called with the error code of a fetch. @returns false when the fetch must be tried again later */
  onError(code: number): boolean {
    if (code !== KafkaCode.OFFSET_OUT_OF_RANGE) return false;
    this.outOfRange = true;
    this.#wake?.();
    return true;
  }

  /** Continues at an offset, and clears an earlier failure. */
  seek(offset: number): void {
    this.records = [];
    this.#position = offset;
    this.fetchFrom = offset;
    this.outOfRange = false;
    this.#failure = undefined;
    this.onNeedsFetch();
  }

  /**
   * Resolves when there are records to take, when `outOfRange` is true, or when the position has reached the offset
   * `end`.
   *
   * @throws Error when the fetched records cannot be decoded; the reason of `stopping`
   */
  async ready(stopping: AbortSignal, end = Number.POSITIVE_INFINITY): Promise<void> {
    const wake = (): void => this.#wake?.();
    stopping.addEventListener("abort", wake);
    try {
      while (this.records.length === 0 && !this.outOfRange && this.#position < end) {
        stopping.throwIfAborted();
        if (this.#failure) throw this.#failure;
        this.onNeedsFetch();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      stopping.removeEventListener("abort", wake);
    }
  }

  /** Removes the first `count` records, which have been handled. */
  take(count: number): void {
    const last = this.records[count - 1];
    this.records = this.records.slice(count);
    // Control records and aborted transactions may follow the last record. The position must move past them.
    if (this.records.length === 0) this.#position = this.fetchFrom;
    else if (last) this.#position = last.offset + 1;
    if (this.records.length === 0) this.onNeedsFetch();
  }
}
