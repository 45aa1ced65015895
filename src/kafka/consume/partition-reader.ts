// The reader of one partition: holds its position, what was fetched, and the records that were handed out and not
// handled yet.

import { messageOf } from "../../core/errors.ts";
import type { ConsumedRecord, FeedPosition } from "../../core/ports.ts";
import type { AbortedTransaction } from "./aborted-transactions.ts";
import { FetchedRecords, type Part } from "./fetched-records.ts";
import { isLost, type LostPosition, type Position, type PositionFault } from "./position-fault.ts";
import type { Evictable, ReadShare } from "./read-budget.ts";

/** The answer of a broker for the partition. */
export interface FetchedPart {
  readonly bytes: Buffer;
  readonly aborted: readonly AbortedTransaction[];
  /** The last stable offset: records after it may belong to open transactions. */
  readonly end: number;
  readonly highWatermark: number;
}

/** Receives what the fetcher fetches, and hands out records to its only user. */
export class PartitionReader implements Evictable {
  readonly topic: string;
  readonly partition: number;
  /** Called when the reader needs a fetch. Set by the fetcher. */
  onNeedsFetch: () => void = () => {};
  /** Called when the batch at the position cannot be decoded. Set by the fetcher. */
  onUnreadable: () => void = () => {};
  /** Called when the fault changes. Set by the owner. */
  onFault: (fault: PositionFault | undefined) => void = () => {};
  /** Called with the high watermark, after a fetch that reached the end of the partition. Set by the owner. */
  onEnd: (highWatermark: number) => void = () => {};
  /** The records that were decoded and not taken. */
  records: readonly ConsumedRecord[] = [];
  #position: Position;
  /** The part from which `records` remain. */
  #part: Part | undefined;
  #fetched: FetchedRecords | undefined;
  #share: ReadShare | undefined;
  #fault: PositionFault | undefined;
  #end: number | undefined;
  #decoding = false;
  #topicIdAssumed = false;
  #heldSince = 0;
  #wake: (() => void) | undefined;

  constructor(topic: string, partition: number, position: Position) {
    this.topic = topic;
    this.partition = partition;
    this.#position = position;
  }

  /** The position of the next record to take. */
  get position(): Position {
    return this.#position;
  }
  /** The position for the next fetch: after the records that were handed out. */
  get fetchFrom(): Position {
    return this.#part ? this.#after(this.#part) : this.#position;
  }
  /** What prevents reading; undefined while nothing does. */
  get fault(): PositionFault | undefined {
    return this.#fault;
  }
  /** The fault after which the owner must call `seek`. */
  get lostPosition(): LostPosition | undefined {
    return isLost(this.#fault) ? this.#fault : undefined;
  }
  /** The end of the partition at the last fetch; undefined until then, and while the partition cannot be read. */
  get end(): number | undefined {
    return this.#fault === undefined || this.#fault.reason === "unreadable" ? this.#end : undefined;
  }
  get heldSince(): number | undefined {
    return this.#decoding || !this.#fetched ? undefined : this.#heldSince;
  }
  get heldBytes(): number {
    return this.#fetched?.heldBytes ?? 0;
  }
  /** The position and the lag. */
  get state(): FeedPosition {
    const { topic, partition, end } = this;
    const { offset } = this.#position;
    return { topic, partition, position: offset, lag: end === undefined ? null : Math.max(0, end - offset) };
  }

  /** Called by the fetcher that reads for this reader. */
  attach(share: ReadShare): void {
    this.#share = share;
    share.budget.holders.add(this);
  }

  /** Releases all memory. Called by the fetcher when it no longer reads for this reader. */
  detach(): void {
    this.#share?.budget.holders.delete(this);
    this.#drop();
  }

  /**
   * True when the id of the topic was stored with the position, or a fetch has succeeded since the current id was assumed.
   * Otherwise the position may belong to an earlier topic with the same name.
   */
  get knowsTopic(): boolean {
    return this.#position.topicId !== undefined && !this.#topicIdAssumed;
  }

  /** Called with the current id of the topic, if the position does not have one. */
  assumeTopicId(topicId: string): void {
    this.#position = { ...this.#position, topicId };
    this.#topicIdAssumed = true;
  }

  /** Called with the answer to a fetch at `fetchFrom`. */
  accept({ bytes, aborted, end, highWatermark }: FetchedPart): void {
    this.#end = end;
    this.#topicIdAssumed = false;
    if (this.#fault?.reason !== "unreadable" || bytes.length === 0) this.report(undefined);
    if (bytes.length === 0) this.onEnd(highWatermark);
    else if (this.#share) {
      this.#heldSince = Date.now();
      this.#fetched = new FetchedRecords(this, this.fetchFrom.offset, bytes, aborted, this.#share);
    }
    this.#wake?.();
  }

  /** Called with a fault of the position or of the partition; undefined when the partition can be read again. */
  report(fault: PositionFault | undefined): void {
    if (this.#fault === undefined && fault === undefined) return;
    this.#fault = fault;
    this.onFault(fault);
    // The owner waits for records or for a lost position only.
    if (isLost(fault)) this.#wake?.();
  }

  /** Continues at a position, and clears the fault. */
  seek(position: Position): void {
    this.#drop();
    this.#topicIdAssumed = false;
    this.#position = position;
    this.report(undefined);
    this.onNeedsFetch();
  }

  evict(): void {
    this.#fetched?.release();
    this.#fetched = undefined;
  }

  /**
   * Resolves when there are records to take, when the position is lost, when it has reached the offset `end`, or when
   * it has moved past batches without records for the reader.
   *
   * @throws the reason of `stopping`
   */
  async ready(stopping: AbortSignal, end = Number.POSITIVE_INFINITY): Promise<void> {
    const wake = (): void => this.#wake?.();
    stopping.addEventListener("abort", wake);
    const before = this.#position;
    try {
      while (
        this.records.length === 0 &&
        !this.lostPosition &&
        this.#position === before &&
        before.offset < end
      ) {
        stopping.throwIfAborted();
        if (this.#fetched) {
          await this.#decode(this.#fetched, stopping);
          continue;
        }
        this.onNeedsFetch();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      stopping.removeEventListener("abort", wake);
    }
    stopping.throwIfAborted();
  }

  /** Removes the first `count` records, which have been handled. */
  take(count: number): void {
    const part = this.#part;
    const last = this.records[count - 1];
    if (!part || !last) return;
    this.records = this.records.slice(count);
    if (this.records.length > 0) {
      this.#position = { ...this.#position, offset: last.offset + 1, epoch: part.epoch };
      return;
    }
    // Control records and aborted transactions may follow the last record.
    this.#position = this.#after(part);
    this.#releasePart();
  }

  async #decode(fetched: FetchedRecords, stopping: AbortSignal): Promise<void> {
    this.#decoding = true;
    try {
      const part = await fetched.next(stopping);
      if (fetched !== this.#fetched) return this.#share?.release(part?.bytes ?? 0, "records");
      if (part && part.records.length > 0) {
        this.#part = part;
        this.records = part.records;
      } else if (part) this.#position = this.#after(part);
      else this.#finish(fetched);
      if (part && this.#fault) this.report(undefined);
    } catch (error) {
      if (stopping.aborted) throw error;
      this.#fail(messageOf(error));
    } finally {
      this.#decoding = false;
    }
  }

  /** Called when nothing is left of what was fetched. If nothing could be read, the same fetch would have the same result. */
  #finish(fetched: FetchedRecords): void {
    this.evict();
    if (this.#position.offset <= fetched.from)
      this.#fail(`the broker returned ${fetched.size} bytes without a complete batch at this offset`);
  }

  #fail(detail: string): void {
    this.evict();
    this.onUnreadable();
    this.report({ reason: "unreadable", detail });
  }

  #after({ next, epoch }: Part): Position {
    return {
      offset: next,
      epoch: epoch >= 0 ? epoch : this.#position.epoch,
      topicId: this.#position.topicId,
    };
  }

  #releasePart(): void {
    if (this.#part) this.#share?.release(this.#part.bytes, "records");
    this.#part = undefined;
  }

  #drop(): void {
    this.evict();
    this.records = [];
    this.#releasePart();
  }
}
