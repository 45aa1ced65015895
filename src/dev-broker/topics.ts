// The topics of the development broker, and the cap on what they hold in all.

import type { StoredBatch } from "./append-checks.ts";
import { PartitionLog } from "./partition-log.ts";
import { TOPIC_DEFAULTS } from "./topic-config.ts";

/** A compacted topic is compacted each time it has grown by this much. */
const COMPACT_EVERY = 1024 * 1024;

/** A topic. */
export interface Topic {
  readonly name: string;
  /** What was set for it; the rest is default. */
  readonly config: Map<string, string>;
  readonly partitions: PartitionLog[];
  /** Bytes since the last compaction. */
  dirty: number;
}

interface Kept {
  readonly topic: Topic;
  readonly log: PartitionLog;
  readonly batch: StoredBatch;
}

/** All topics by name. */
export class Topics {
  readonly #retentionBytes: number;
  readonly #byName = new Map<string, Topic>();
  #kept: Kept[] = [];
  #oldest = 0;
  #bytes = 0;

  /** @param retentionBytes past it the oldest batches of topics that are not compacted are dropped */
  constructor(retentionBytes: number) {
    this.#retentionBytes = retentionBytes;
  }

  get all(): Topic[] {
    return [...this.#byName.values()];
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  log(name: string, partition: number): PartitionLog | undefined {
    return this.#byName.get(name)?.partitions[partition];
  }

  create(name: string, partitions: number, config: Iterable<readonly [string, string]> = []): Topic {
    const topic: Topic = { name, config: new Map(config), partitions: [], dirty: 0 };
    this.#byName.set(name, topic);
    this.widen(topic, partitions);
    return topic;
  }

  widen(topic: Topic, partitions: number): void {
    while (topic.partitions.length < partitions)
      topic.partitions.push(new PartitionLog((name) => settingOf(topic, name)));
  }

  delete(name: string): void {
    this.#byName.delete(name);
    for (const kept of this.#kept) if (kept.topic.name === name) this.#bytes -= kept.batch.bytes.length;
    this.#kept = this.#kept.slice(this.#oldest).filter((kept) => kept.topic.name !== name);
    this.#oldest = 0;
  }

  /** Notes an appended batch, and makes room where the cap is reached. */
  keep(topic: Topic, log: PartitionLog, batch: StoredBatch): void {
    if (settingOf(topic, "cleanup.policy").includes("compact")) {
      topic.dirty += batch.bytes.length;
      if (topic.dirty < COMPACT_EVERY) return;
      for (const each of topic.partitions) each.compact();
      topic.dirty = 0;
      return;
    }
    this.#kept.push({ topic, log, batch });
    this.#bytes += batch.bytes.length;
    while (this.#bytes > this.#retentionBytes && this.#oldest < this.#kept.length - 1) this.#dropOldest();
    // What was dropped must not be kept alive from here.
    if (this.#oldest > 32 && this.#oldest * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  #dropOldest(): void {
    const { log, batch } = this.#kept[this.#oldest] as Kept;
    this.#oldest++;
    this.#bytes -= batch.bytes.length;
    log.deleteBefore(batch.lastOffset + 1);
  }
}

/** A topic's setting in force. */
export function settingOf(topic: Topic, name: string): string {
  return topic.config.get(name) ?? TOPIC_DEFAULTS[name] ?? "";
}
