// Bounds the memory of all readers of the process: the batches that were fetched, the batches that are decompressed, and
// the records that handlers hold.

import { addAbortListener } from "node:events";

/** While other readers wait, a reader must release its batches after this time, in milliseconds. */
const MAX_HOLD_MS = 1000;
/** The same for a batch that is larger than the budget, which takes long to decompress again. */
const LARGE_MAX_HOLD_MS = 10_000;
const RETRY_MS = 200;

/**
 * What bytes are used for: what was fetched, a decompressed batch, or the records that a handler holds. Records are counted
 * without a wait, because their bytes were already counted as fetched or as a batch.
 */
export type Purpose = "fetched" | "batch" | "records";
/** The fraction of the budget that the readers of one fetcher may always use for what they fetch. */
const LEAST_FRACTION = 1 / 16;

/** A holder of batches that it can read from Kafka again. */
export interface Evictable {
  /** When it began to hold them, in milliseconds (`Date.now`); undefined while it holds none, or needs them. */
  readonly heldSince: number | undefined;
  /** The bytes of the batch that is decompressed now; 0 if there is none. */
  readonly heldBytes: number;
  /** Releases the batches. */
  evict(): void;
}

interface Waiting {
  readonly share: ReadShare;
  readonly bytes: number;
  readonly grant: () => void;
}

/** The bytes that all readers of the process may use. */
export class ReadBudget {
  /** `kafka.readBudget`, in bytes. */
  readonly limit: number;
  /** `kafka.maxUnpackedBatch`: the largest batch that is decompressed, in bytes. */
  readonly maxBatch: number;
  /** The readers that can be told to release their batches. */
  readonly holders = new Set<Evictable>();
  readonly #shares = new Set<ReadShare>();
  #used = 0;
  /** The share that holds a batch that is larger than the limit. There is at most one such batch at a time. */
  #large: ReadShare | undefined;
  #waiting: Waiting[] = [];
  #retry: NodeJS.Timeout | undefined;

  /** @param limit, maxBatch in bytes */
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

  /** Returns the share of a fetcher. @param onReleased called when any share has released bytes */
  share(onReleased: () => void): ReadShare {
    const share = new ReadShare(this, onReleased);
    this.#shares.add(share);
    return share;
  }

  /** Whether the share may use `bytes` more for a decompressed batch. It may always have one batch up to the limit. */
  fits(share: ReadShare, bytes: number): boolean {
    if (bytes > this.limit) return this.#large === undefined;
    return this.#used + bytes <= this.limit || share.held("batch") === 0;
  }

  /** Counts bytes as used, without a wait. */
  add(share: ReadShare, bytes: number, purpose: Purpose): void {
    this.#used += bytes;
    if (purpose === "batch" && bytes > this.limit) this.#large = share;
  }

  /** Counts bytes as released, and lets others use them. */
  remove(share: ReadShare, bytes: number, purpose: Purpose): void {
    this.#used -= bytes;
    if (purpose === "batch" && bytes > this.limit && this.#large === share) this.#large = undefined;
    this.#grant();
    for (const each of this.#shares) each.onReleased();
  }

  /** Tries to make room a moment later, and calls `onReleased` of every share. Called when there is no room. */
  retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.evictDue(this.#waiting[0]?.bytes ?? 1);
      this.#grant();
      for (const each of this.#shares) each.onReleased();
    }, RETRY_MS);
  }

  /** Resolves when the share may use `bytes` more. @throws the reason of `stopping` */
  async wait(share: ReadShare, bytes: number, stopping: AbortSignal): Promise<void> {
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
      const waiting = { share, bytes, grant };
      this.#waiting.push(waiting);
      this.#grant();
    });
  }

  /** Called when a share stops. */
  close(share: ReadShare): void {
    this.#shares.delete(share);
  }

  /** Lets readers release the batches that they have held for the maximum time, until `bytes` fit; the oldest first. */
  evictDue(bytes: number): void {
    const now = Date.now();
    const maxHoldOf = ({ heldBytes }: Evictable): number =>
      heldBytes > this.limit ? LARGE_MAX_HOLD_MS : MAX_HOLD_MS;
    const due = [...this.holders].filter(
      (holder) => holder.heldSince !== undefined && now - holder.heldSince >= maxHoldOf(holder),
    );
    for (const holder of due.sort((a, b) => (a.heldSince ?? 0) - (b.heldSince ?? 0))) {
      if (bytes <= this.limit ? this.#used + bytes <= this.limit : this.#large === undefined) return;
      holder.evict();
    }
  }

  #grant(): void {
    for (const waiting of [...this.#waiting]) {
      const { share, bytes, grant } = waiting;
      if (!this.fits(share, bytes)) continue;
      this.#waiting = this.#waiting.filter((each) => each !== waiting);
      share.add(bytes, "batch");
      grant();
    }
    if (this.#waiting.length > 0) this.retryLater();
  }
}

/** The bytes that the readers of one fetcher use. */
export class ReadShare {
  readonly budget: ReadBudget;
  readonly onReleased: () => void;
  readonly #held: Record<Purpose, number> = { fetched: 0, batch: 0, records: 0 };

  constructor(budget: ReadBudget, onReleased: () => void) {
    this.budget = budget;
    this.onReleased = onReleased;
  }

  /** The bytes that are used for a purpose. */
  held(purpose: Purpose): number {
    return this.#held[purpose];
  }

  /** Whether more may be fetched. If there is no room, readers release batches that they have held for long. */
  get mayFetch(): boolean {
    const { budget } = this;
    if (budget.used >= budget.limit) budget.evictDue(1);
    const { fetched, batch, records } = this.#held;
    const may = budget.used < budget.limit || fetched + batch + records < budget.limit * LEAST_FRACTION;
    if (!may) budget.retryLater();
    return may;
  }

  /** Counts bytes as used, without a wait. */
  add(bytes: number, purpose: Purpose): void {
    this.#held[purpose] += bytes;
    this.budget.add(this, bytes, purpose);
  }

  /** Waits until a decompressed batch of `bytes` may be held, and counts it. @throws the reason of `stopping` */
  async reserveBatch(bytes: number, stopping: AbortSignal): Promise<void> {
    if (this.budget.fits(this, bytes)) this.add(bytes, "batch");
    else await this.budget.wait(this, bytes, stopping);
  }

  release(bytes: number, purpose: Purpose): void {
    if (bytes === 0) return;
    this.#held[purpose] -= bytes;
    this.budget.remove(this, bytes, purpose);
  }

  close(): void {
    this.budget.close(this);
  }
}
