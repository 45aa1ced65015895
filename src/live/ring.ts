// The recent entries of topics. All rings of the process share their memory; the largest ring removes its oldest entries first.

import type { Entry } from "./entry.ts";

/** The array of a ring is shortened when this many of its entries were removed. */
const SHORTEN_AFTER = 1024;

/** The memory of all rings. */
export class RingMemory {
  readonly #limit: number;
  readonly #rings = new Set<Ring>();
  #used = 0;

  /** @param limit `http.events.ring`, in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** @param onEvicted called with each entry that is removed to make room */
  createRing(onEvicted: (entry: Entry) => void): Ring {
    const ring = new Ring(this, onEvicted);
    this.#rings.add(ring);
    return ring;
  }

  /** Counts bytes of a ring, and makes room. The newest entry of each ring stays. */
  charge(bytes: number): void {
    this.#used += bytes;
    while (this.#used > this.#limit) {
      let largest: Ring | undefined;
      for (const ring of this.#rings)
        if (ring.length > 1 && ring.bytes > (largest?.bytes ?? 0)) largest = ring;
      if (!largest) return;
      largest.evict();
    }
  }

  /** Subtracts bytes that a ring has removed. */
  release(bytes: number): void {
    this.#used -= bytes;
  }

  remove(ring: Ring): void {
    this.#rings.delete(ring);
    this.#used -= ring.bytes;
  }
}

/** The recent entries of one topic, by sequence number. */
export class Ring {
  readonly #memory: RingMemory;
  readonly #onEvicted: (entry: Entry) => void;
  #entries: (Entry | undefined)[] = [];
  /** The sequence number of the first element of `#entries`, and of the first entry that was not removed. */
  #base = 0;
  #first = 0;
  #bytes = 0;
  #closed = false;

  constructor(memory: RingMemory, onEvicted: (entry: Entry) => void) {
    this.#memory = memory;
    this.#onEvicted = onEvicted;
  }

  /** The sequence number of the first entry. */
  get first(): number {
    return this.#first;
  }
  /** The sequence number after the last entry. */
  get end(): number {
    return this.#base + this.#entries.length;
  }
  get length(): number {
    return this.end - this.#first;
  }
  /** What the entries retain, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns an entry; undefined when it was removed, or does not exist yet. */
  get(sequence: number): Entry | undefined {
    return this.#entries[sequence - this.#base];
  }

  /** Adds an entry. After `close`, it is discarded: records that were fetched before may arrive later. */
  push(entry: Entry): void {
    if (this.#closed) return;
    this.#entries.push(entry);
    this.grow(entry.bytes);
  }

  /** Counts bytes that an entry of the ring retains. */
  grow(bytes: number): void {
    if (this.#closed) return;
    this.#bytes += bytes;
    this.#memory.charge(bytes);
  }

  /** Removes the first entry. */
  evict(): void {
    const entry = this.get(this.#first);
    if (!entry) return;
    this.#entries[this.#first - this.#base] = undefined;
    this.#first++;
    this.#bytes -= entry.bytes;
    this.#memory.release(entry.bytes);
    if (this.#first - this.#base >= SHORTEN_AFTER) {
      this.#entries = this.#entries.slice(this.#first - this.#base);
      this.#base = this.#first;
    }
    this.#onEvicted(entry);
  }

  /** Releases all memory. Called once. */
  close(): void {
    this.#closed = true;
    this.#memory.remove(this);
    this.#entries = [];
    this.#base = this.#first;
  }
}
