// The feeds of the process. A feed exists while streams with its topics, partition and filter are open.

import type { StreamRequest } from "../core/live.ts";
import { Feed } from "./feed.ts";
import type { Filters, SharedFilter } from "./filters.ts";
import type { Hub } from "./hub.ts";
import type { Hubs } from "./hubs.ts";
import type { Rounds } from "./rounds.ts";
import type { StreamCounts } from "./stream-deps.ts";

/** All feeds. */
export class Feeds {
  readonly #hubs: Hubs;
  readonly #filters: Filters;
  readonly #rounds: Rounds;
  readonly #counts: StreamCounts;
  readonly #feeds = new Map<string, Feed>();

  constructor(hubs: Hubs, filters: Filters, rounds: Rounds, counts: StreamCounts) {
    this.#hubs = hubs;
    this.#filters = filters;
    this.#rounds = rounds;
    this.#counts = counts;
  }

  /**
   * Returns the feed of a request, and counts its use. The caller calls `release` once.
   *
   * @throws OnrampError 40001, 40301, 40401, 50301
   */
  async acquire({ topics, partition, filter: source }: StreamRequest): Promise<Feed> {
    const filter = source === undefined ? undefined : this.#filters.acquire(source);
    const hubs = topics.map((topic) => this.#hubs.acquire(topic));
    try {
      await Promise.all(hubs.map(({ ready }) => ready));
    } catch (error) {
      this.#releaseParts(hubs, filter);
      throw error;
    }
    const key = JSON.stringify([topics, partition, source]);
    let feed = this.#feeds.get(key);
    // The hubs of a feed whose topic was deleted have been replaced.
    if (!feed?.hubs.every((hub, index) => hub === hubs[index])) {
      feed = new Feed(this.#rounds, hubs, partition, filter, this.#counts);
      this.#feeds.set(key, feed);
      for (const hub of hubs) hub.listeners.add(feed);
    }
    feed.users++;
    return feed;
  }

  release(feed: Feed): void {
    feed.users--;
    if (feed.users === 0) {
      for (const hub of feed.hubs) hub.listeners.delete(feed);
      for (const [key, each] of this.#feeds) if (each === feed) this.#feeds.delete(key);
    }
    this.#releaseParts(feed.hubs, feed.filter);
  }

  #releaseParts(hubs: readonly Hub[], filter: SharedFilter | undefined): void {
    for (const hub of hubs) this.#hubs.release(hub);
    if (filter) this.#filters.release(filter);
  }
}
