// Bounds the memory of all readers of the process: the batches that were fetched, the batches that are decompressed, and
// the records that handlers hold.

import { addAbortListener } from "node:events";

/** A reader that has not asked for records for this long can be told to release its batches, in milliseconds. */
const STALLED_MS = 1000;
const RETRY_MS = 200;

/** What bytes are used for. A group of readers that uses none for a purpose always gets some for it. */
export type Purpose = "fetched" | "batch" | "records";

/** A holder of batches that it can read from Kafka again. */
export interface Evictable {
  /** When it last asked for records; undefined while it must not be told to release its batches. */
  readonly idleSince: number | undefined;
  /** Releases the batches. */
  evict(): void;
}

interface Waiting {
  readonly share: ReadShare;
  readonly bytes: number;
  readonly purpose: Purpose;
  readonly grant: () => void;
}

/** The bytes that all readers of the process may use. */
export class ReadBudget {
  /** `kafka.readBudget`, in bytes. */
  readonly limit: number;
  /** `kafka.maxUnpackedBatch`: the largest batch that is decompressed, in bytes. */
  readonly maxBatch: number;
  readonly holders = new Set<Evictable>();
  readonly #shares = new Set<ReadShare>();
  #used = 0;
  /** The share that holds a batch that is larger than the limit. There is at most one such batch at a time. */
  #large: ReadShare | undefined;
  #waiting: Waiting[] = [];
  #retry: NodeJS.Timeout | undefined;

  constructor(limit: number, maxBatch: number) {
    this.limit = limit;
    this.maxBatch = maxBatch;
  }

  /** The bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** True when more than half of the bytes are in use. */
  get isTight(): boolean {
    return this.#used > this.limit / 2;
  }

  /** Returns the share of a group of readers. @param onRoom called when bytes were released */
  share(onRoom: () => void): ReadShare {
    const share = new ReadShare(this, onRoom);
    this.#shares.add(share);
    return share;
  }

  /** Whether the share may use `bytes` more now. */
  fits(share: ReadShare, bytes: number, purpose: Purpose): boolean {
    if (bytes > this.limit) return this.#large === undefined;
    return this.#used + bytes <= this.limit || share.held(purpose) === 0;
  }

  /** Counts bytes as used, without a wait. */
  add(share: ReadShare, bytes: number): void {
    this.#used += bytes;
    if (bytes > this.limit) this.#large = share;
  }

  /** Counts bytes as released, and lets others use them. */
  remove(share: ReadShare, bytes: number): void {
    this.#used -= bytes;
    if (bytes > this.limit && this.#large === share) this.#large = undefined;
    this.#grant();
    for (const each of this.#shares) each.onRoom();
  }

  /** Resolves when the share may use `bytes` more. @throws the reason of `stopping` */
  async wait(share: ReadShare, bytes: number, purpose: Purpose, stopping: AbortSignal): Promise<void> {
    stopping.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const listening = addAbortListener(stopping, () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        reject(stopping.reason);
      });
      const grant = (): void => {
        listening[Symbol.dispose]();
        resolve();
      };
      const waiting = { share, bytes, purpose, grant };
      this.#waiting.push(waiting);
      this.#grant();
    });
  }

  /** Called when a share stops. */
  close(share: ReadShare): void {
    this.#shares.delete(share);
  }

  /** Tells readers that are stalled, such as those of a receiver that is down, to release their batches. */
  evictStalled(): void {
    const before = Date.now() - STALLED_MS;
    for (const holder of [...this.holders])
      if (holder.idleSince !== undefined && holder.idleSince < before) holder.evict();
  }

  #grant(): void {
    for (const waiting of [...this.#waiting]) {
      const { share, bytes, purpose, grant } = waiting;
      if (!this.fits(share, bytes, purpose)) continue;
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      share.add(bytes, purpose);
      grant();
    }
    if (this.#waiting.length === 0) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.evictStalled();
      this.#grant();
    }, RETRY_MS);
  }
}

/** The bytes that the readers of one fetcher use. */
export class ReadShare {
  readonly budget: ReadBudget;
  readonly onRoom: () => void;
  readonly #held: Record<Purpose, number> = { fetched: 0, batch: 0, records: 0 };

  constructor(budget: ReadBudget, onRoom: () => void) {
    this.budget = budget;
    this.onRoom = onRoom;
  }

  /** The bytes that are used for a purpose. */
  held(purpose: Purpose): number {
    return this.#held[purpose];
  }

  /** Whether more may be fetched. When there is no room, stalled readers are told to release their batches. */
  get mayFetch(): boolean {
    const { budget } = this;
    if (budget.used >= budget.limit) budget.evictStalled();
    return budget.fits(this, 1, "fetched");
  }

  /** Counts bytes as used, without a wait. */
  add(bytes: number, purpose: Purpose): void {
    this.#held[purpose] += bytes;
    this.budget.add(this, bytes);
  }

  /** Waits until `bytes` more may be used, and counts them. @throws the reason of `stopping` */
  async reserve(bytes: number, purpose: Purpose, stopping: AbortSignal): Promise<void> {
    if (this.budget.fits(this, bytes, purpose)) this.add(bytes, purpose);
    else await this.budget.wait(this, bytes, purpose, stopping);
  }

  release(bytes: number, purpose: Purpose): void {
    if (bytes === 0) return;
    this.#held[purpose] -= bytes;
    this.budget.remove(this, bytes);
  }

  close(): void {
    this.budget.close(this);
  }
}
