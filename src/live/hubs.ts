// The hubs of the process, by topic. A hub starts with the first stream of its topic, and stops 30 s after the last one.

import type { TopicTails } from "../core/live.ts";
import { Hub } from "./hub.ts";
import type { RingMemory } from "./ring.ts";

/** How long a hub continues after the last stream of its topic, in milliseconds: clients that reconnect find its ring. */
const IDLE_MS = 30_000;

interface Use {
  readonly hub: Hub;
  count: number;
  stopping: NodeJS.Timeout | undefined;
}

/** All hubs. */
export class Hubs {
  readonly #tails: TopicTails;
  readonly #memory: RingMemory;
  readonly #onLoss: (hub: Hub) => void;
  readonly #uses = new Map<string, Use>();

  /** @param onLoss see `Hub` */
  constructor(tails: TopicTails, memory: RingMemory, onLoss: (hub: Hub) => void) {
    this.#tails = tails;
    this.#memory = memory;
    this.#onLoss = onLoss;
  }

  get size(): number {
    return this.#uses.size;
  }

  /** Returns the hub of a topic, and counts its use. The caller calls `release` once. */
  acquire(topic: string): Hub {
    let use = this.#uses.get(topic);
    if (!use || use.hub.isDeleted) {
      use = {
        hub: new Hub(topic, this.#tails, this.#memory, this.#onLoss),
        count: 0,
        stopping: undefined,
      };
      this.#uses.set(topic, use);
      const { hub } = use;
      hub.ready.catch(() => this.#remove(hub));
    }
    clearTimeout(use.stopping);
    use.count++;
    return use.hub;
  }

  release(hub: Hub): void {
    const use = this.#uses.get(hub.topic);
    if (use?.hub !== hub) return hub.stop();
    use.count--;
    if (use.count > 0) return;
    if (hub.isDeleted) return this.#remove(hub);
    use.stopping = setTimeout(() => this.#remove(hub), IDLE_MS).unref();
  }

  /** Stops all hubs. */
  stop(): void {
    for (const { hub } of [...this.#uses.values()]) this.#remove(hub);
  }

  #remove(hub: Hub): void {
    const use = this.#uses.get(hub.topic);
    if (use?.hub === hub) {
      clearTimeout(use.stopping);
      this.#uses.delete(hub.topic);
    }
    hub.stop();
  }
}
