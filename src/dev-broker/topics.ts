// Stores the topics of the development broker, and limits the total of their bytes.

import { randomBytes } from "node:crypto";
import type { Marker } from "../wire/control-batch.ts";
import type { StoredBatch } from "./append-checks.ts";
import { PartitionLog } from "./partition-log.ts";
import { TOPIC_DEFAULTS } from "./topic-config.ts";

/** A topic with compaction is compacted whenever this many bytes were appended since the last compaction. */
const COMPACT_EVERY_BYTES = 1024 * 1024;

/** A topic. */
export interface Topic {
  readonly name: string;
  /** Identifies the topic, also after another one with its name was created. */
  readonly id: string;
  /** Configurations other than the defaults. */
  readonly config: Map<string, string>;
  readonly partitions: PartitionLog[];
  /** Bytes appended since the last compaction. */
  dirtyBytes: number;
}

/** A batch that counts toward the limit. */
interface RetainedBatch {
  readonly topic: Topic;
  readonly log: PartitionLog;
  readonly batch: StoredBatch;
}

/** All topics by name. */
export class Topics {
  readonly #retentionBytes: number;
  readonly #byName = new Map<string, Topic>();
  #entries: RetainedBatch[] = [];
  /** The index in `#entries` of the oldest batch that is not deleted. */
  #oldest = 0;
  #bytes = 0;

  /** @param retentionBytes the maximum total of bytes in all topics without compaction */
  constructor(retentionBytes: number) {
    this.#retentionBytes = retentionBytes;
  }

  get all(): Topic[] {
    return [...this.#byName.values()];
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  byId(id: string): Topic | undefined {
    return this.all.find((topic) => topic.id === id);
  }

  log(name: string, partition: number): PartitionLog | undefined {
    return this.#byName.get(name)?.partitions[partition];
  }

  create(name: string, partitions: number, config: Iterable<readonly [string, string]> = []): Topic {
    const topic: Topic = {
      name,
      id: randomBytes(16).toString("base64url"),
      config: new Map(config),
      partitions: [],
      dirtyBytes: 0,
    };
    this.#byName.set(name, topic);
    this.addPartitions(topic, partitions);
    return topic;
  }

  /** Adds partitions until the topic has `partitions` of them. */
  addPartitions(topic: Topic, partitions: number): void {
    while (topic.partitions.length < partitions)
      topic.partitions.push(new PartitionLog((name) => configOf(topic, name)));
  }

  delete(name: string): void {
    this.#byName.delete(name);
    for (const entry of this.#entries) if (entry.topic.name === name) this.#bytes -= entry.batch.bytes.length;
    this.#entries = this.#entries.slice(this.#oldest).filter((entry) => entry.topic.name !== name);
    this.#oldest = 0;
  }

  /** Called after every append. Deletes the oldest batches beyond the limit, or compacts the topic. */
  onAppend(topic: Topic, log: PartitionLog, batch: StoredBatch): void {
    if (configOf(topic, "cleanup.policy").includes("compact")) {
      topic.dirtyBytes += batch.bytes.length;
      if (topic.dirtyBytes < COMPACT_EVERY_BYTES) return;
      for (const partition of topic.partitions) partition.compact();
      topic.dirtyBytes = 0;
      return;
    }
    this.#entries.push({ topic, log, batch });
    this.#bytes += batch.bytes.length;
    while (
      this.#bytes > this.#retentionBytes &&
      this.#oldest < this.#entries.length - 1 &&
      !isUnstable(this.#entries[this.#oldest] as RetainedBatch)
    )
      this.#deleteOldest();
    // Removes the references to deleted batches, so that their memory can be freed.
    if (this.#oldest > 32 && this.#oldest * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  /** Appends the marker of a transaction. A partition that was deleted in the meantime gets none. */
  appendMarker(name: string, partition: number, marker: Marker): void {
    const topic = this.#byName.get(name);
    const log = topic?.partitions[partition];
    if (topic && log) this.onAppend(topic, log, log.appendMarker(marker, Date.now()));
  }

  #deleteOldest(): void {
    const { log, batch } = this.#entries[this.#oldest] as RetainedBatch;
    this.#oldest++;
    this.#bytes -= batch.bytes.length;
    log.deleteBefore(batch.lastOffset + 1);
  }
}

/** Whether a batch is after the start of an open transaction. It is kept until the transaction ends or times out. */
const isUnstable = ({ log, batch }: RetainedBatch): boolean =>
  log.lastStableOffset < log.highWatermark && batch.lastOffset >= log.lastStableOffset;

/** The value of a topic configuration: the topic's own or the default. */
export function configOf(topic: Topic, name: string): string {
  return topic.config.get(name) ?? TOPIC_DEFAULTS[name] ?? "";
}
