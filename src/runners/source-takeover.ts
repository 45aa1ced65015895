// The takeover of the sources of one state partition: all of them are fenced first, then the partition is read once for all.

import { setTimeout as delay } from "node:timers/promises";
import type { StateReader, StateRecord } from "../core/source-ports.ts";
import { decodeState } from "../core/source-state.ts";
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

/** Returns the cursors of the states that can be read. */
export function cursorsIn(states: States): ReadonlyMap<string, unknown> {
  const cursors = new Map<string, unknown>();
  for (const [name, { value }] of states) {
    try {
      if (value !== null) cursors.set(name, decodeState(name, value).cursor);
    } catch {
      // The source itself reports that its state cannot be read.
    }
  }
  return cursors;
}

/**
 * Finds the state of a source in the other partitions of the state topic, where it is if the group of the source has changed.
 *
 * @throws as `StateReader.read`
 */
export async function findMoved(
  {
    name,
    partition,
    partitions,
  }: { readonly name: string; readonly partition: number; readonly partitions: number },
  reader: StateReader,
  signal: AbortSignal,
): Promise<{ readonly value: Buffer; readonly partition: number } | undefined> {
  for (let other = 0; other < partitions; other++) {
    if (other === partition) continue;
    const found = (await reader.read(other, undefined, signal)).get(name);
    if (found?.value) return { value: found.value, partition: other };
  }
  return undefined;
}
