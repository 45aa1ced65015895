// The lanes of topics, and the partition that each record goes to.

import type { AcceptedRecord } from "../../core/record.ts";
import { recordSizeBound } from "../../wire/record-batch.ts";
import type { TopicState } from "../client/metadata.ts";
import { Lane } from "./lane.ts";
import type { LaneHost } from "./lane-host.ts";
import { partitionForKey, StickyPartitioner } from "./partitioner.ts";

/** Keeps one lane per partition, and one sticky partitioner per topic. */
export class TopicLanes {
  readonly #host: LaneHost;
  readonly #lanes = new Map<string, Lane[]>();
  readonly #sticky = new Map<string, StickyPartitioner>();

  constructor(host: LaneHost) {
    this.#host = host;
  }

  /** The lanes of a topic, by partition. Lanes are added when the topic has more partitions. */
  of(topic: TopicState): readonly Lane[] {
    let lanes = this.#lanes.get(topic.name);
    if (!lanes) {
      lanes = [];
      this.#lanes.set(topic.name, lanes);
    }
    while (lanes.length < topic.partitions.length) lanes.push(new Lane(topic.name, lanes.length, this.#host));
    return lanes;
  }

  /** The partition that the record names, that its key selects, or that the sticky partitioner chooses. */
  partitionOf(topic: TopicState, lanes: readonly Lane[], record: AcceptedRecord): number {
    if (record.partition !== undefined) return record.partition;
    const count = topic.partitions.length;
    if (count === 1) return 0;
    if (record.key !== null) return partitionForKey(record.key, count);
    let sticky = this.#sticky.get(topic.name);
    if (!sticky) {
      sticky = new StickyPartitioner();
      this.#sticky.set(topic.name, sticky);
    }
    const healthy = (partition: number): boolean =>
      (topic.partitions[partition]?.leader ?? -1) >= 0 && !lanes[partition]?.backingOff;
    return sticky.choose(count, healthy, recordSizeBound(record));
  }
}
