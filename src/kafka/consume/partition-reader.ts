// One partition on its way in: what has been fetched and not been taken, and where the reader stands.

import type { ConsumedRecord, FeedPosition } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { type AbortedTransaction, readFetched } from "./fetched-records.ts";

/** The place of a reader in a partition. */
export class PartitionReader {
  readonly topic: string;
  readonly partition: number;
  /** Fetched and not taken. */
  records: ConsumedRecord[] = [];
  /** Where the next fetch goes on. */
  fetchFrom: number;
  /** Called when there is nothing left to take. */
  onNeedsFetch: () => void = () => {};
  /** Nothing is fetched while it is true: where to read from has to be found out. */
  outOfRange = false;
  #position: number;
  /** The end of the partition as last seen (read_committed). */
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
  /** True when a fetch would be welcome. */
  get needsFetch(): boolean {
    return this.records.length === 0 && !this.outOfRange && this.#failure === undefined;
  }
  get state(): FeedPosition {
    const { topic, partition, position } = this;
    return {
      topic,
      partition,
      position,
      lag: this.#end === undefined ? undefined : Math.max(0, this.#end - position),
    };
  }

  /** Takes over what a fetch brought. */
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

  /** An answer without records. @returns true when waiting does not mend it, and whoever waits is told */
  onError(code: number): boolean {
    if (code !== KafkaCode.OFFSET_OUT_OF_RANGE) return false;
    this.outOfRange = true;
    this.#wake?.();
    return true;
  }

  /** Goes on from an offset, whatever was wrong before. */
  seek(offset: number): void {
    this.records = [];
    this.#position = offset;
    this.fetchFrom = offset;
    this.outOfRange = false;
    this.#failure = undefined;
    this.onNeedsFetch();
  }

  /**
   * Resolves when there are records to take, or nothing more can be read before somebody looks (`outOfRange`), or all in
   * front of the offset `end` is done with.
   *
   * @throws the reason why the partition can't be read; the signal's, when it is aborted
   */
  async ready(signal: AbortSignal, end = Number.POSITIVE_INFINITY): Promise<void> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener("abort", stop);
    try {
      while (this.records.length === 0 && !this.outOfRange && this.#position < end) {
        signal.throwIfAborted();
        if (this.#failure) throw this.#failure;
        this.onNeedsFetch();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** The first `count` records are done with. */
  take(count: number): void {
    const last = this.records[count - 1];
    this.records = this.records.slice(count);
    // Behind the last one stand control records and aborted transactions, which nobody takes.
    if (this.records.length === 0) this.#position = this.fetchFrom;
    else if (last) this.#position = last.offset + 1;
    if (this.records.length === 0) this.onNeedsFetch();
  }
}
