// Tracks readers whose partition cannot be fetched now, and requests the metadata of their topics until it can be.

import { messageOf } from "../../core/errors.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import type { TopicMetadata, TopicState } from "../client/metadata.ts";
import type { PartitionReader } from "./partition-reader.ts";
import { faultOf } from "./position-fault.ts";

/** The pause before the metadata of a topic is requested again, in milliseconds. */
const RETRY_MS = 500;
/** The pause before a leader that refused a fetch is asked again, in milliseconds. */
const REFUSED_MS = 250;

/** The readers of one fetcher that wait. */
export class WaitingReaders {
  readonly #metadata: TopicMetadata;
  readonly #onReady: (reader: PartitionReader) => void;
  readonly #timers = new Map<PartitionReader, NodeJS.Timeout | undefined>();

  /** @param onReady called when the partition of a reader has a leader again */
  constructor(metadata: TopicMetadata, onReady: (reader: PartitionReader) => void) {
    this.#metadata = metadata;
    this.#onReady = onReady;
  }

  has(reader: PartitionReader): boolean {
    return this.#timers.has(reader);
  }

  delete(reader: PartitionReader): void {
    clearTimeout(this.#timers.get(reader));
    this.#timers.delete(reader);
  }

  clear(): void {
    for (const reader of [...this.#timers.keys()]) this.delete(reader);
  }

  /** Lets a reader wait for `ms` milliseconds. */
  pause(reader: PartitionReader, ms: number): void {
    this.#later(reader, ms, () => this.#release(reader));
  }

  /**
   * Lets a reader wait until its topic exists and its partition has a leader.
   *
   * @param code the error code with which the leader refused a fetch, if it did
   * @param pauseMs the pause before the first request, in milliseconds
   */
  waitForLeader(reader: PartitionReader, code?: number, pauseMs = 0): void {
    this.#later(reader, pauseMs, () => void this.#look(reader, code));
  }

  #later(reader: PartitionReader, ms: number, work: () => void): void {
    clearTimeout(this.#timers.get(reader));
    this.#timers.set(reader, setTimeout(work, ms));
  }

  async #look(reader: PartitionReader, code: number | undefined): Promise<void> {
    const found = await this.#metadata.read([reader.topic]).then(
      (topics) => topics.get(reader.topic) ?? KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
      (error: unknown) => error as Error,
    );
    if (!this.has(reader)) return;
    const problem = found instanceof Error ? undefined : problemOf(found, reader, code);
    if (found instanceof Error) reader.report({ reason: "unavailable", detail: messageOf(found) });
    else if (problem !== undefined) reader.report(faultOf(problem));
    else return this.#release(reader);
    if (problem !== undefined && problem === code) this.pause(reader, REFUSED_MS);
    else this.#later(reader, RETRY_MS, () => void this.#look(reader, undefined));
  }

  #release(reader: PartitionReader): void {
    this.delete(reader);
    this.#onReady(reader);
  }
}

/** The error code that describes why a partition cannot be fetched; undefined when it can. */
function problemOf(
  found: TopicState | number,
  reader: PartitionReader,
  code: number | undefined,
): number | undefined {
  if (typeof found === "number") return found;
  const partition = found.partitions[reader.partition];
  if (!partition) return KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (partition.leader < 0) return KafkaCode.LEADER_NOT_AVAILABLE;
  // With another id, the topic was recreated, which explains the code. The fetcher reports that.
  return reader.fetchFrom.topicId === found.id ? code : undefined;
}
