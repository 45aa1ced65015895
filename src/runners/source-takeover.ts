// The takeover of the sources of one state partition: all of them are fenced first, then the partition is read once for all.

import { setTimeout as delay } from "node:timers/promises";
import type { StateReader, StateRecord } from "../core/source-ports.ts";
import { untilAborted } from "../core/time.ts";

/** How long the read waits for the other sources of the partition to be fenced, in milliseconds. */
const OTHERS_MS = 3000;

/** The last state of each source in a partition, by name. */
export type States = ReadonlyMap<string, StateRecord>;

/** The takeover of one partition by this process. Used by the runners of its sources. */
export class PartitionTakeover {
  readonly partition: number;
  readonly #reader: StateReader;
  readonly #onStates: (states: States) => void;
  readonly #revoked: AbortSignal;
  #pending: number;
  #startRead: () => void = () => {};
  /** Resolves when every source is fenced, or cannot be fenced now. */
  readonly #allReady = new Promise<void>((resolve) => {
    this.#startRead = resolve;
  });
  #shared: Promise<States> | undefined;
  #isReading = false;

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
    this.#pending = sources;
    this.#reader = reader;
    this.#onStates = onStates;
    this.#revoked = revoked;
  }

  /**
   * Returns the states. Called by each source after it has fenced earlier owners, so that the read includes everything that
   * they committed. A source that calls after the shared read has begun reads the partition itself.
   *
   * @throws as `StateReader.read`
   */
  async states(signal: AbortSignal): Promise<States> {
    if (this.#isReading) return this.#reader.read(this.partition, undefined, signal);
    this.ready();
    this.#shared ??= this.#read();
    return untilAborted(this.#shared, signal);
  }

  /** Called once per source: after it is fenced, or if it cannot be fenced now, so that the others do not wait for it. */
  ready(): void {
    this.#pending--;
    if (this.#pending <= 0) this.#startRead();
  }

  async #read(): Promise<States> {
    await Promise.race([this.#allReady, delay(OTHERS_MS, undefined, { ref: false })]);
    this.#isReading = true;
    const states = await this.#reader.read(this.partition, undefined, this.#revoked);
    this.#onStates(states);
    return states;
  }
}
