// What the sender knows about one broker: which connections wait for an answer, and which topics and
// followers were slow. The lanes of slow topics and followers are isolated.

import type { Lane } from "./lane.ts";

/** The connection that all healthy lanes of a broker share. */
export const MAIN = "produce";
/** The connections for isolated lanes. */
const SPARES = Array.from({ length: 8 }, (_, n) => `spare-${n}`);
/**
 * How long a follower that delayed a batch is a suspect, in milliseconds: lanes that depend on it are
 * isolated.
 */
const SUSPECT_MS = 5000;

/** The connection with a throttled response. */
interface Throttled {
  /** Undefined while it is open. */
  readonly closeReason: string | undefined;
}

/** The connections and the ready lanes of one broker. */
export class BrokerChannels {
  readonly id: number;
  /** Lanes that have a batch to send to this broker now. */
  ready: Lane[] = [];
  #throttledUntil = 0;
  #throttledBy: Throttled | undefined;
  /** Connections that wait for an answer. */
  readonly #busy = new Set<string>();
  /** Topics that occupy a spare connection. */
  readonly #isolatedTopics = new Set<string>();
  /** Topics whose last request on a spare connection was slow. */
  readonly #slowTopics = new Set<string>();
  /** The time until which a follower is a suspect (milliseconds, `Date.now`), by its broker id. */
  readonly #suspects = new Map<number, number>();

  constructor(id: number) {
    this.id = id;
  }

  /** Called with a throttled response. @param until no request is sent before this time (milliseconds, `Date.now`) */
  throttle(connection: Throttled, until: number): void {
    this.#throttledBy = connection;
    this.#throttledUntil = until;
  }

  /** Whether requests to the broker must wait. Throttling applies to one connection (KIP-219), so it ends when that connection closes. */
  isThrottled(now: number): boolean {
    return now < this.#throttledUntil && this.#throttledBy?.closeReason === undefined;
  }

  get mainFree(): boolean {
    return !this.#busy.has(MAIN);
  }

  /** Returns a free spare connection for a topic; undefined when the topic occupies one, or when all are busy. */
  spareFor(topic: string): string | undefined {
    return this.#isolatedTopics.has(topic) ? undefined : SPARES.find((channel) => !this.#busy.has(channel));
  }

  /**
   * Selects the isolated lanes of a topic for the next request: all of them, or only the first when the last request
   * was slow, so that the slow lane is found.
   */
  nextLanes(topic: string, lanes: readonly Lane[]): readonly Lane[] {
    return this.#slowTopics.has(topic) ? lanes.slice(0, 1) : lanes;
  }

  /** Stores whether the last request for isolated lanes of a topic was slow. */
  noteRoundTrip(topic: string, slow: boolean): void {
    if (slow) this.#slowTopics.add(topic);
    else this.#slowTopics.delete(topic);
  }

  /** Marks a connection as busy. @param topic the topic of the isolated lanes; undefined for healthy lanes */
  acquire(channel: string, topic: string | undefined): void {
    this.#busy.add(channel);
    if (topic !== undefined) this.#isolatedTopics.add(topic);
  }

  /** Marks a connection as free. @param topic as for `acquire` */
  release(channel: string, topic: string | undefined): void {
    this.#busy.delete(channel);
    if (topic !== undefined) this.#isolatedTopics.delete(topic);
  }

  /** Marks followers that delayed a batch as suspects. */
  addSuspects(followers: readonly number[], now: number): void {
    for (const follower of followers) this.#suspects.set(follower, now + SUSPECT_MS);
  }

  /** Clears the suspicion of followers that keep up. */
  removeSuspects(followers: readonly number[]): void {
    for (const follower of followers) this.#suspects.delete(follower);
  }

  /** Whether one of the followers delayed a batch recently. */
  hasSuspect(followers: readonly number[], now: number): boolean {
    return followers.some((follower) => (this.#suspects.get(follower) ?? 0) > now);
  }
}
