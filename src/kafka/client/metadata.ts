// Caches the metadata of topics: partitions, leaders, configurations, limits. Concurrent callers share one request.
// Errors are stored per topic, so that a deleted topic does not affect the others.

import { OnrampError } from "../../core/errors.ts";
import type { Log, TopicCatalog, TopicDescription } from "../../core/ports.ts";
import { SharedAnswer } from "../../core/shared-answer.ts";
import { untilDeadline } from "../../core/time.ts";
import { requireTopicName } from "../../core/topics.ts";
import { NO_ID } from "../../wire/codec.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { Metadata, type MetadataResponse, metadataOf } from "../../wire/messages/cluster.ts";
import type { Cluster } from "./cluster.ts";
import { BrokerRefused } from "./errors.ts";
import { denied, tooLate, unknownTopic, unreachable } from "./problems.ts";
import { readTopicConfigs, type TopicConfigs, type TopicLimits, UNKNOWN_LIMITS } from "./topic-configs.ts";

/** The minimum time between two refreshes, in milliseconds: at most ten per second. */
const SPACING_MS = 100;
/** The interval at which all cached topics are refreshed, in milliseconds. */
const MAX_AGE_MS = 60_000;

export interface PartitionState {
  /** The node id of the leader; -1 while the partition has none. */
  readonly leader: number;
  /** Grows with every election of a leader; -1 when the broker does not return it. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** A topic that exists. */
export interface TopicState {
  readonly name: string;
  /** Identifies the topic: a topic that is deleted and recreated gets another id. Undefined before Kafka 2.8. */
  readonly id: string | undefined;
  readonly partitions: readonly PartitionState[];
  readonly limits: TopicLimits;
  readonly configs: Readonly<Record<string, string>>;
}

const NO_TOPIC_IDS =
  "the brokers have no topic ids (Kafka before 2.8); Onramp may not notice that a topic was recreated if the new topic has more records";
const NO_CONFIGS =
  "topic configurations cannot be read; the limits of topics are unknown, and only the broker checks records against them";

type TopicAnswer = MetadataResponse["topics"][number];

/** A refresh that waits until the current one is complete. */
interface Refresh {
  readonly names: Set<string>;
  /** The topics whose configurations are read as well. */
  readonly configNames: Set<string>;
  readonly done: Promise<void>;
}

/** A cache of topics, refreshed on demand and once a minute. */
export class TopicMetadata implements TopicCatalog {
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #topics = new Map<string, TopicState>();
  readonly #errors = new Map<string, number>();
  /** The requests of 100 ms share one listing: the answer can have all topics of the cluster. */
  readonly #listing = new SharedAnswer(() => this.#list(), SPACING_MS);
  #next: Refresh | undefined;
  #running: Promise<void> = Promise.resolve();
  #lastAt = 0;
  #refresher: NodeJS.Timeout | undefined;
  /** The warnings that were logged. */
  readonly #warned = new Set<string>();

  constructor(cluster: Cluster, log: Log) {
    this.#cluster = cluster;
    this.#log = log;
  }

  /** Starts to refresh all cached topics every minute. */
  start(): void {
    this.#refresher = setInterval(() => this.refresh([...this.#topics.keys()]), MAX_AGE_MS);
    this.#refresher.unref();
  }

  stop(): void {
    clearInterval(this.#refresher);
  }

  /** The cached topic; undefined when it was never requested or does not exist. */
  get(topic: string): TopicState | undefined {
    return this.#topics.get(topic);
  }

  /** Requests topics again, in the background. */
  refresh(topics: readonly string[]): void {
    if (topics.length === 0) return;
    this.#queue(topics).catch((error: unknown) =>
      this.#log.debug({ error, topics }, "metadata refresh failed"),
    );
  }

  /**
   * Requests the metadata of topics and returns per topic its state or error code. Reads configurations only of topics that
   * are not cached.
   *
   * @throws BrokerGone, BrokerRefused when no broker answers
   */
  async read(topics: readonly string[]): Promise<Map<string, TopicState | number>> {
    await this.#queue(topics, false);
    const of = (topic: string): TopicState | number =>
      this.#errors.get(topic) ?? this.#topics.get(topic) ?? KafkaCode.UNKNOWN_TOPIC_OR_PARTITION;
    return new Map(topics.map((topic) => [topic, of(topic)]));
  }

  /**
   * Refreshes a topic and returns it.
   *
   * @param deadline milliseconds since 1970-01-01 UTC
   * @throws OnrampError 40401 when Kafka has no such topic, 40301 when the ACL "Describe" is missing, 40801 when `deadline`
   * has passed already, 50301 when Kafka
   * does not answer by `deadline` or when no broker has been reachable for one second
   */
  async resolve(topic: string, deadline: number): Promise<TopicState> {
    requireTopicName(topic);
    if (Date.now() >= deadline) throw tooLate();
    let cause: unknown;
    while (Date.now() < deadline && this.#cluster.downForMs < 1000) {
      try {
        await untilDeadline(this.#queue([topic]), deadline, "no answer by the deadline");
        const state = this.#topics.get(topic);
        if (state) return state;
        const error = this.#errors.get(topic);
        if (error === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION || error === KafkaCode.INVALID_TOPIC_EXCEPTION)
          throw unknownTopic(topic);
        if (error === KafkaCode.TOPIC_AUTHORIZATION_FAILED) throw denied(topic, "Describe");
        cause = new Error(kafkaErrorName(error ?? -1));
      } catch (error) {
        if (error instanceof OnrampError) throw error;
        cause = error;
      }
    }
    throw unreachable(`Kafka did not report in time whether topic "${topic}" exists`, cause);
  }

  /** Returns the names of all topics, sorted. @throws OnrampError 50301 when Kafka does not answer */
  names(): Promise<readonly string[]> {
    return this.#listing.get();
  }

  async #list(): Promise<readonly string[]> {
    try {
      const answer = await this.#request(null);
      return answer.topics
        .filter((topic) => topic.errorCode === 0)
        .flatMap((topic) => topic.name ?? [])
        .sort();
    } catch (error) {
      throw unreachable("Kafka did not list its topics", error);
    }
  }

  /** Describes a topic. @throws OnrampError as `resolve`, with a deadline of five seconds */
  async describe(topic: string): Promise<TopicDescription> {
    const state = await this.resolve(topic, Date.now() + 5000);
    const partitions = state.partitions.map((partition, index) => ({ partition: index, ...partition }));
    return { name: topic, configs: state.configs, partitions };
  }

  /** Adds topics to the next refresh, and resolves when it is complete. */
  #queue(topics: readonly string[], withConfigs = true): Promise<void> {
    if (!this.#next) {
      const names = new Set<string>();
      const configNames = new Set<string>();
      const previous = this.#running;
      const done = previous.catch(() => {}).then(() => this.#runRefresh(names, configNames));
      this.#next = { names, configNames, done };
      this.#running = done;
    }
    for (const topic of topics) {
      this.#next.names.add(topic);
      if (withConfigs || !this.#topics.has(topic)) this.#next.configNames.add(topic);
    }
    return this.#next.done;
  }

  async #runRefresh(names: Set<string>, configNames: Set<string>): Promise<void> {
    const wait = this.#lastAt + SPACING_MS - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    this.#lastAt = Date.now();
    this.#next = undefined;
    const [answer, configs] = await Promise.all([
      this.#request([...names]),
      this.#readConfigs([...configNames]),
    ]);
    // Only the callers of a refresh need its errors. If they were kept, errors of unknown names would
    // accumulate.
    this.#errors.clear();
    for (const topic of answer.topics)
      if (names.has(topic.name ?? "")) this.#store(topic, configs.get(topic.name ?? ""));
  }

  #store({ name, errorCode, topicId, partitions }: TopicAnswer, current: TopicConfigs | undefined): void {
    if (name === null) return;
    if (
      errorCode !== KafkaCode.NONE &&
      (errorCode !== KafkaCode.LEADER_NOT_AVAILABLE || partitions.length === 0)
    ) {
      this.#errors.set(name, errorCode);
      if (
        errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION ||
        errorCode === KafkaCode.TOPIC_AUTHORIZATION_FAILED
      )
        this.#topics.delete(name);
      return;
    }
    const states: PartitionState[] = [];
    for (const { partition, leader, leaderEpoch, replicas, isr } of partitions)
      states[partition] = { leader, leaderEpoch, replicas, isr };
    const id = topicId === NO_ID ? undefined : topicId;
    if (id === undefined) this.#warnOnce(NO_TOPIC_IDS);
    const cached = this.#topics.get(name);
    this.#topics.set(name, {
      name,
      id,
      partitions: states,
      limits: current?.limits ?? cached?.limits ?? UNKNOWN_LIMITS,
      configs: current?.configs ?? cached?.configs ?? {},
    });
  }

  /** Some brokers have no DescribeConfigs. Their topics can be used, and the broker alone then checks the records. */
  async #readConfigs(names: readonly string[]): Promise<Map<string, TopicConfigs>> {
    try {
      return await readTopicConfigs(this.#cluster, names, this.#log);
    } catch (error) {
      if (!(error instanceof BrokerRefused)) throw error;
      this.#warnOnce(NO_CONFIGS, { reason: error.message });
      return new Map();
    }
  }

  #warnOnce(event: string, fields: object = {}): void {
    if (!this.#warned.has(event)) this.#log.warn(fields, event);
    this.#warned.add(event);
  }

  async #request(names: readonly string[] | null): Promise<MetadataResponse> {
    const answer = await this.#cluster.ask(Metadata, metadataOf(names));
    this.#cluster.setBrokers(answer.brokers);
    return answer;
  }
}
