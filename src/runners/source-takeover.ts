// The takeover of the sources of one state partition: all of them are fenced first, then the partition is read once for all.

import { setTimeout as delay } from "node:timers/promises";
import type { StateReader, StateRecord } from "../core/source-ports.ts";
import { untilAborted } from "../core/time.ts";

/** How long a source waits until the others are fenced, in milliseconds. After that, it does not depend on them. */
const OTHERS_MS = 3000;

/** The last state of each source in a partition, by name. */
export type States = ReadonlyMap<string, StateRecord>;

/** The takeover of one partition by this process. Used by the runners of its sources. */
export class PartitionTakeover {
  readonly partition: number;
  readonly #reader: StateReader;
  readonly #onStates: (states: States) => void;
  readonly #revoked: AbortSignal;
  #missing: number;
  #begin: () => void = () => {};
  /** Resolves when every source is fenced, or cannot be fenced now. */
  readonly #allArrived = new Promise<void>((resolve) => {
    this.#begin = resolve;
  });
  #shared: Promise<States> | undefined;
  #begun = false;

  /**
   * @param sources the number of sources that take over
   * @param onStates called with the states of the partition when they are read
   */
  constructor(
    partition: number,
    sources: number,
    reader: StateReader,
    onStates: (states: States) => void,
    revoked: AbortSignal,
  ) {
    this.partition = partition;
    this.#missing = sources;
    this.#reader = reader;
    this.#onStates = onStates;
    this.#revoked = revoked;
  }

  /**
   * Returns the states. Called by each source when it has fenced earlier owners: what they committed is before the end that
   * the read notes. A source that comes late reads the partition itself.
   *
   * @throws as `StateReader.read`
   */
  async states(signal: AbortSignal): Promise<States> {
    if (this.#begun) return this.#reader.read(this.partition, undefined, signal);
    this.arrive();
    this.#shared ??= this.#read();
    return untilAborted(this.#shared, signal);
  }

  /** Called once per source: when it is fenced, or when it cannot be fenced now, so that the others do not wait for it. */
  arrive(): void {
    this.#missing--;
    if (this.#missing <= 0) this.#begin();
  }

  async #read(): Promise<States> {
    await Promise.race([this.#allArrived, delay(OTHERS_MS, undefined, { ref: false })]);
    this.#begun = true;
    const states = await this.#reader.read(this.partition, undefined, this.#revoked);
    this.#onStates(states);
    return states;
  }
}
