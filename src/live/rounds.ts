// Runs the rounds of feeds. A round that takes long, because it writes to many clients, is followed by a pause of the same
// length, so that the next one writes more records together.

import { setTimeout as delay } from "node:timers/promises";
import type { Feed } from "./feed.ts";

/** Rounds that take less are not followed by a pause, in milliseconds. */
const SHORT_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** Runs rounds of feeds without a filter together, and those with a filter independently. */
export class Rounds {
  readonly #onFailed: (feed: Feed, error: unknown) => void;
  readonly #due = new Set<Feed>();
  readonly #filtering = new Set<Feed>();
  #running = false;

  /** @param onFailed called when a round of a feed failed */
  constructor(onFailed: (feed: Feed, error: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** Called when a feed has new entries. */
  schedule(feed: Feed): void {
    if (feed.filter) {
      if (this.#filtering.has(feed)) return;
      this.#filtering.add(feed);
      void this.#runFilter(feed);
      return;
    }
    this.#due.add(feed);
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#due.size > 0) {
      const began = performance.now();
      const feeds = [...this.#due];
      this.#due.clear();
      for (const feed of feeds) if (await this.#round(feed)) this.#due.add(feed);
      const took = performance.now() - began;
      if (took > SHORT_MS) await delay(Math.min(took, LONGEST_PAUSE_MS));
    }
    this.#running = false;
  }

  async #runFilter(feed: Feed): Promise<void> {
    while (feed.users > 0 && (await this.#round(feed)));
    this.#filtering.delete(feed);
    if (feed.isBehind && feed.users > 0) this.schedule(feed);
  }

  async #round(feed: Feed): Promise<boolean> {
    try {
      return await feed.round();
    } catch (error) {
      this.#onFailed(feed, error);
      return false;
    }
  }
}
