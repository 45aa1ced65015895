// Watches the topics of a consumer group: which exist, which Kafka does not show to Onramp, and how many partitions they
// have.

import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import type { BlockedReasons } from "./blocked-reasons.ts";

/** The number of partitions by topic; 0 for a topic that cannot be read. */
export type PartitionCounts = ReadonlyMap<string, number>;

/** Checks the topics of one consumer group. Called by `Consumer` before each join, and by `Session` every 5 s. */
export class TopicWatch {
  readonly #metadata: TopicMetadata;
  readonly #topics: readonly string[];
  readonly #blockedReasons: BlockedReasons;
  readonly #ids = new Map<string, string>();
  /** Topics that this member has seen missing or recreated: all their records are new to the group. */
  readonly #fromStart = new Set<string>();
  #counts: PartitionCounts = new Map();

  constructor(metadata: TopicMetadata, topics: readonly string[], blockedReasons: BlockedReasons) {
    this.#metadata = metadata;
    this.#topics = topics;
    this.#blockedReasons = blockedReasons;
  }

  /** The numbers of partitions at the last check. */
  get counts(): PartitionCounts {
    return this.#counts;
  }

  /** Whether a topic without committed offsets is read from its first record, whatever `from` says. */
  isNewTopic(topic: string): boolean {
    return this.#fromStart.has(topic);
  }

  /**
   * Requests the metadata of all topics.
   *
   * @param assigned the topics of which this member has partitions; these partitions report their own faults
   * @throws BrokerGone, BrokerRefused when no broker answers
   */
  async check(assigned: ReadonlySet<string> = new Set()): Promise<void> {
    const found = await this.#metadata.read(this.#topics);
    const counts = new Map<string, number>();
    for (const topic of this.#topics) {
      const state = found.get(topic) ?? KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
      const code = typeof state === "number" ? state : undefined;
      counts.set(topic, typeof state === "number" ? 0 : state.partitions.length);
      if (code === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) this.#fromStart.add(topic);
      if (typeof state !== "number" && state.id !== undefined) {
        if ((this.#ids.get(topic) ?? state.id) !== state.id) this.#fromStart.add(topic);
        this.#ids.set(topic, state.id);
      }
      const key = `topic:${topic}`;
      if (code === undefined || assigned.has(topic)) this.#blockedReasons.clear(key);
      else this.#blockedReasons.raise(key, { kind: `topic ${code}`, topic }, topicProblem(topic, code));
    }
    this.#counts = counts;
  }

  /** Returns what has changed since `before`; undefined if no change requires a rebalance. */
  changeSince(before: PartitionCounts): string | undefined {
    for (const [topic, count] of this.#counts) {
      const old = before.get(topic) ?? 0;
      if (count > 0 && count !== old) return `topic ${topic} has ${count} partitions, previously ${old}`;
    }
    return undefined;
  }

  /** Returns the number of partitions of any topic; 0 when it cannot be read. Called by the group leader. */
  async partitionsOf(topic: string): Promise<number> {
    const state = (await this.#metadata.read([topic])).get(topic);
    return typeof state === "object" ? state.partitions.length : 0;
  }
}

function topicProblem(topic: string, code: number): string {
  const name = kafkaErrorName(code);
  if (code === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION)
    return `Topic "${topic}" does not exist (${name}). Create it, or remove it from the configuration; it is read from its first record once it exists.`;
  if (code === KafkaCode.TOPIC_AUTHORIZATION_FAILED)
    return `Topic "${topic}" can't be read (${name}). Give Onramp's user the ACLs "Read" and "Describe" on it.`;
  return `Topic "${topic}" can't be read now (${name}). Check its partitions with kafka-topics --describe; Onramp retries.`;
}
