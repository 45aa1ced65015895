// Stores the consumer groups of the development broker.

import { Group } from "./group.ts";

/** Groups by id. */
export class Groups {
  readonly #byId = new Map<string, Group>();

  get all(): Group[] {
    return [...this.#byId.values()];
  }

  find(id: string): Group | undefined {
    return this.#byId.get(id);
  }

  /** Returns the group. Creates it if it does not exist. */
  get(id: string): Group {
    let group = this.#byId.get(id);
    if (!group) {
      group = new Group(id);
      this.#byId.set(id, group);
    }
    return group;
  }

  delete(id: string): void {
    this.#byId.get(id)?.stop();
    this.#byId.delete(id);
  }

  /** Removes the committed offsets of a topic that was deleted. */
  dropOffsets(topic: string): void {
    for (const { offsets } of this.#byId.values())
      for (const key of [...offsets.keys()]) if (key.startsWith(`${topic}/`)) offsets.delete(key);
  }

  /** Stops the timers of all groups. */
  stop(): void {
    for (const group of this.#byId.values()) group.stop();
  }
}
