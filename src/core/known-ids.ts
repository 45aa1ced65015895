// The items that were already produced, as short hashes: they are stored in the cursor with every commit.

import { createHash } from "node:crypto";

/** The characters of a hash: 66 bits, so that two of a thousand items practically never have the same one. */
const LENGTH = 11;

/** @returns a hash of 11 characters for an id of any length */
export const hashOf = (id: string): string =>
  createHash("sha256").update(id).digest("base64url").slice(0, LENGTH);

/** An ordered set of hashes, from the oldest to the newest. */
export class KnownIds {
  #hashes: Set<string>;

  /** @param stored the result of `toString` */
  constructor(stored = "") {
    this.#hashes = new Set(stored.match(/.{11}/gs) ?? []);
  }

  get size(): number {
    return this.#hashes.size;
  }

  has(hash: string): boolean {
    return this.#hashes.has(hash);
  }

  /** Adds a hash as the newest one, also if it is known. */
  add(hash: string): void {
    this.#hashes.delete(hash);
    this.#hashes.add(hash);
  }

  /** Adds all hashes of another set, as newer ones. */
  addAll(other: KnownIds): void {
    for (const hash of other.#hashes) this.add(hash);
  }

  /** Keeps the newest hashes. */
  keepNewest(count: number): void {
    if (this.size > count) this.#hashes = new Set([...this.#hashes].slice(this.size - count));
  }

  /** Keeps the first and the last `count` hashes. */
  keepEnds(count: number): void {
    if (this.size <= 2 * count) return;
    const all = [...this.#hashes];
    this.#hashes = new Set([...all.slice(0, count), ...all.slice(all.length - count)]);
  }

  /** Returns the same hashes in the opposite order. */
  reversed(): KnownIds {
    return new KnownIds([...this.#hashes].reverse().join(""));
  }

  toString(): string {
    return [...this.#hashes].join("");
  }
}

/** Whether a stored value can be a set of hashes. */
export const isKnownIds = (value: unknown): value is string | undefined =>
  value === undefined || (typeof value === "string" && value.length % LENGTH === 0);
