// The end of one topic: follows it with one reader for all streams of the process, and keeps its recent entries in a ring.

import type { FollowedTopic, PartitionOffset, TailListener, TopicTails } from "../core/live.ts";
import type { ConsumedRecord } from "../core/ports.ts";
import { CHANGE_BYTES, type Entry, type PartitionChange, partitionChange, RecordsEntry } from "./entry.ts";
import { Place, topicKey } from "./place.ts";
import type { Ring, RingMemory } from "./ring.ts";

/** Is notified when the ring of a hub has new entries, or a partition can be read again. Must not throw. */
export interface HubListener {
  onChange(): void;
}

/** The hub of one topic. Created by `Hubs`. */
export class Hub implements TailListener {
  readonly topic: string;
  readonly ring: Ring;
  readonly listeners = new Set<HubListener>();
  /** Partitions that cannot be read now. */
  readonly blocked = new Set<number>();
  /** Resolves when the places of the partitions are known. Rejects with an OnrampError. */
  readonly ready: Promise<void>;
  readonly #onLoss: (hub: Hub) => void;
  readonly #stop = new AbortController();
  #id: string | undefined;
  #head: Place | undefined;
  /** By partition: from this offset on, the entries from `#joinFrom` on have all records. */
  #covered: number[] = [];
  #joinFrom = 0;
  #isDeleted = false;

  /** @param onLoss called when the topic was deleted, or recreated: it may have fewer partitions */
  constructor(topic: string, tails: TopicTails, memory: RingMemory, onLoss: (hub: Hub) => void) {
    this.topic = topic;
    this.#onLoss = onLoss;
    this.ring = memory.createRing((entry) => this.#onEvicted(entry));
    this.ready = tails.follow(topic, this, this.#stop.signal).then(({ id, starts }) => {
      this.#id = id;
      this.#head = new Place(topicKey(topic, id), starts);
      this.#coverFromHead();
    });
    this.ready.catch(() => {});
  }

  /** The place after the last entry. Read it after `ready`. */
  get head(): Place {
    if (!this.#head) throw new Error(`topic ${this.topic} is not followed yet`);
    return this.#head;
  }
  /** The current id of the topic. */
  get topicId(): string | undefined {
    return this.#id;
  }
  get isDeleted(): boolean {
    return this.#isDeleted;
  }
  get partitionCount(): number {
    return this.head.offsets.length;
  }
  /** The sequence number at which a stream enters the ring. */
  get joinSequence(): number {
    return Math.max(this.ring.first, this.#joinFrom);
  }

  /** Whether the ring has all records of a partition from an offset on, so that a stream can enter it. */
  covers(partition: number, offset: number): boolean {
    if (!this.head.includes(partition)) return false;
    if (this.head.offset(partition) < 0) return offset === this.head.offset(partition);
    return offset >= (this.#covered[partition] ?? 0);
  }

  /** Stops following. */
  stop(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.ring.close();
  }

  onRecords(partition: number, records: readonly ConsumedRecord[], next: PartitionOffset): void {
    const sequence = this.ring.end;
    const grow = (bytes: number): void => {
      if (this.ring.get(sequence) === entry) this.ring.grow(bytes);
    };
    const entry = new RecordsEntry(partition, this.head.offset(partition), records, next, grow);
    this.#add(entry);
  }

  onStart(partition: number, next: PartitionOffset): void {
    const from = this.head.offset(partition);
    this.#covered[partition] = next.offset;
    this.#add(partitionChange("start", partition, from, next));
  }

  onGap(partition: number, next: PartitionOffset): void {
    this.#add(partitionChange("gap", partition, this.head.offset(partition), next));
  }

  onTruncated(partition: number, next: PartitionOffset): void {
    this.#add(partitionChange("truncated", partition, this.head.offset(partition), next));
    // The entries before this one have records that the log lost.
    this.#coverFromHead();
  }

  onRecreated({ id, starts }: FollowedTopic): void {
    this.#id = id;
    const key = topicKey(this.topic, id);
    this.head.restart(key, starts);
    this.blocked.clear();
    this.ring.push({ kind: "recreated", key, starts, bytes: CHANGE_BYTES });
    this.#coverFromHead();
    this.#onLoss(this);
    this.#notify();
  }

  onDeleted(): void {
    this.#isDeleted = true;
    this.#onLoss(this);
  }

  onBlocked(partition: number, blocked: boolean): void {
    if (blocked) this.blocked.add(partition);
    else if (this.blocked.delete(partition)) this.#notify();
  }

  #add(entry: RecordsEntry | PartitionChange): void {
    this.head.set(entry.partition, entry.next);
    this.ring.push(entry);
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.listeners) listener.onChange();
  }

  #coverFromHead(): void {
    this.#joinFrom = this.ring.end;
    this.#covered = [...this.head.offsets];
  }

  #onEvicted(entry: Entry): void {
    if (entry.kind === "recreated" || this.ring.first <= this.#joinFrom) return;
    this.#covered[entry.partition] = Math.max(this.#covered[entry.partition] ?? 0, entry.next.offset);
  }
}
