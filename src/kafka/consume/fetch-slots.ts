// Decides how many Fetch requests may be in flight to a broker, and how long each of them waits for records.
//
// A broker serves one request per connection at a time, and a request about idle partitions waits for its maximum wait.
// Therefore a partition that needs records uses another connection (a slot). Requests end at the same time when nothing
// arrives, so that the next request covers all idle partitions again.

/** The number of requests to one broker that may be in flight. */
export const FETCH_SLOTS = 4;
/** The maximum wait of a Fetch request, in milliseconds (`max_wait_ms`). */
const WAIT_MS = 2500;
/** The maximum wait in the last free slot, so that a slot is soon free for partitions that need records. */
const LAST_SLOT_WAIT_MS = 50;
/** A request that ends within this time of another one is followed by one request for the partitions of both. */
const MERGE_MS = 20;
const MERGE_PAUSE_MS = 5;
const EARLY_PAUSE_MS = 100;

/** One request in flight. */
export interface Slot {
  readonly index: number;
  /** How long the broker may wait, in milliseconds. */
  readonly waitMs: number;
}

/** The requests in flight, per broker. */
export class FetchSlots {
  /** When the request of each slot ends; undefined for a free slot. */
  readonly #ends = new Map<number, (number | undefined)[]>();
  readonly #waitMs: number;

  /** @param waitMs the maximum wait of a request, in milliseconds. Default: 2.5 s */
  constructor(waitMs = WAIT_MS) {
    this.#waitMs = waitMs;
  }

  /** Returns a free slot; undefined when there is none. @param now milliseconds, `Date.now` */
  take(broker: number, now: number): Slot | undefined {
    const ends = this.#ends.get(broker) ?? new Array<number | undefined>(FETCH_SLOTS).fill(undefined);
    this.#ends.set(broker, ends);
    const index = ends.indexOf(undefined);
    if (index < 0) return undefined;
    const firstEnd = Math.min(...ends.map((end) => end ?? Number.POSITIVE_INFINITY)) - now;
    const isLast = ends.indexOf(undefined, index + 1) < 0;
    const aligned = firstEnd > MERGE_MS && firstEnd < this.#waitMs ? firstEnd : this.#waitMs;
    const waitMs = isLast ? Math.min(aligned, LAST_SLOT_WAIT_MS) : aligned;
    ends[index] = now + waitMs;
    return { index, waitMs };
  }

  /**
   * Returns the pause after a request without records, in milliseconds: a broker that does not wait is not asked again at
   * once, and the partitions of requests that end at the same time share the next one.
   */
  pauseAfter(broker: number, { index, waitMs }: Slot, began: number, now: number): number {
    if (now - began < waitMs / 2) return EARLY_PAUSE_MS;
    const merges = (this.#ends.get(broker) ?? []).some(
      (end, other) => other !== index && end !== undefined && Math.abs(end - now) < MERGE_MS,
    );
    return merges ? MERGE_PAUSE_MS : 0;
  }

  release(broker: number, { index }: Slot): void {
    const ends = this.#ends.get(broker);
    if (ends) ends[index] = undefined;
  }
}
