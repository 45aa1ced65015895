// One broker as the sender sees it: which of its connections wait for an answer, and whom to keep apart.

import type { Lane } from "./lane.ts";

/** The connection that all healthy lanes of a node share. */
export const MAIN = "produce";
const SPARES = Array.from({ length: 8 }, (_, n) => `spare-${n}`);
/** How long lanes travel apart that need a follower which made others wait, in milliseconds. */
const SUSPECT_MS = 5000;

/** A node's connections and ready lanes. */
export class BrokerChannels {
  readonly id: number;
  ready: Lane[] = [];
  /** The broker asked us to hold back until then (ms). */
  holdUntil = 0;
  readonly #busy = new Set<string>();
  readonly #isolatedTopics = new Set<string>();
  readonly #slowTopics = new Set<string>();
  readonly #suspects = new Map<number, number>();

  constructor(id: number) {
    this.id = id;
  }

  get mainFree(): boolean {
    return !this.#busy.has(MAIN);
  }

  /** A spare connection for a topic; undefined while it has one already, or all are taken. */
  spareFor(topic: string): string | undefined {
    return this.#isolatedTopics.has(topic) ? undefined : SPARES.find((channel) => !this.#busy.has(channel));
  }

  /** The lanes of a topic that travel apart next: all, or, where all together were slow, one to tell them apart. */
  nextLanes(topic: string, lanes: readonly Lane[]): readonly Lane[] {
    return this.#slowTopics.has(topic) ? lanes.slice(0, 1) : lanes;
  }

  /** How the last journey apart of a topic went. */
  noteRoundTrip(topic: string, slow: boolean): void {
    if (slow) this.#slowTopics.add(topic);
    else this.#slowTopics.delete(topic);
  }

  take(channel: string, topic: string | undefined): void {
    this.#busy.add(channel);
    if (topic !== undefined) this.#isolatedTopics.add(topic);
  }

  free(channel: string, topic: string | undefined): void {
    this.#busy.delete(channel);
    if (topic !== undefined) this.#isolatedTopics.delete(topic);
  }

  /** These followers made a batch wait. */
  suspect(followers: readonly number[], now: number): void {
    for (const follower of followers) this.#suspects.set(follower, now + SUSPECT_MS);
  }

  /** These followers kept up. */
  clear(followers: readonly number[]): void {
    for (const follower of followers) this.#suspects.delete(follower);
  }

  suspects(followers: readonly number[], now: number): boolean {
    return followers.some((follower) => (this.#suspects.get(follower) ?? 0) > now);
  }
}
