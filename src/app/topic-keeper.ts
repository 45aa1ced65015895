// Checks that the topics of the configuration exist, and that the state topic has the right settings. Missing topics are
// created if `kafka.createTopics` allows it; otherwise the start fails, and the error says how to create them. The check is
// repeated until Kafka can be reached.

import type { Config } from "../config/load.ts";
import { messageOf, OnrampError, OperatorError } from "../core/errors.ts";
import type { Log, Readiness } from "../core/ports.ts";
import type { TopicEnsurer } from "../core/source-ports.ts";
import { isTopicName } from "../core/topics.ts";
import {
  createTopics,
  creationHelp,
  durabilityWarnings,
  type WantedTopic,
} from "../kafka/admin/create-topics.ts";
import type { Cluster } from "../kafka/client/cluster.ts";
import type { TopicMetadata, TopicState } from "../kafka/client/metadata.ts";
import { checkStateTopic, stateTopic, TopicSettingsError } from "./state-topic.ts";

/** How long the start waits for the check, in milliseconds. After that, the start continues. */
const START_WAIT_MS = 3000;
const RETRY_MS = 1000;

interface Deps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly log: Log;
}

/** The error for missing topics. The message says how to create them. */
export class MissingTopicsError extends OperatorError {
  override readonly name = "MissingTopicsError";
}

/** Checks the topics, and creates missing ones, as soon as Kafka can be reached. */
export class TopicKeeper implements TopicEnsurer {
  readonly #deps: Deps;
  readonly #isDevBroker: boolean;
  readonly #create: boolean;
  readonly #topics: Config["topics"];
  readonly #wanted: readonly WantedTopic[];
  /** Undefined without sources. */
  readonly #stateTopic: WantedTopic | undefined;
  #state: Readiness = { ready: false, detail: "not checked yet: Kafka has not answered" };
  #isReported = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param isDevBroker whether this process started the development broker: then missing topics are created by default */
  constructor(config: Config, isDevBroker: boolean, deps: Deps) {
    this.#deps = deps;
    this.#isDevBroker = isDevBroker;
    this.#create = config.kafka.createTopics ?? isDevBroker;
    this.#topics = config.topics;
    const named = config.compiled.topicNames.map((name) => this.#wantedTopic(name));
    this.#stateTopic = config.compiled.sources.size > 0 ? stateTopic(config.kafka.namespace) : undefined;
    this.#wanted = this.#stateTopic ? [...named, this.#stateTopic] : named;
  }

  get readiness(): Readiness {
    return this.#state;
  }

  /**
   * @throws MissingTopicsError when Kafka can be reached and topics are missing that Onramp may not create;
   * TopicSettingsError when the state topic has settings with which cursors would be lost
   */
  async start(): Promise<void> {
    const deadline = Date.now() + START_WAIT_MS;
    for (;;) {
      try {
        return await this.#check();
      } catch (error) {
        if (error instanceof MissingTopicsError || error instanceof TopicSettingsError) throw error;
        this.#unready(error);
        if (Date.now() >= deadline) return this.#later();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Schedules another check, because Kafka could not be reached. Until it succeeds, the process is not ready.
   */
  #later(): void {
    this.#timer = setTimeout(() => {
      this.#check().catch((error: unknown) => {
        this.#unready(error);
        this.#later();
      });
    }, RETRY_MS);
  }

  #unready(error: unknown): void {
    const detail = messageOf(error);
    if (!this.#isReported) this.#deps.log.warn({ reason: detail }, "topics not checked");
    this.#isReported = true;
    this.#state = { ready: false, detail };
  }

  /** Creates the missing topics among `names`. @throws MissingTopicsError; an error when Kafka cannot be reached */
  async ensure(names: readonly string[]): Promise<void> {
    const invalid = names.find((name) => !isTopicName(name));
    if (invalid !== undefined)
      throw new OperatorError(`"${invalid.slice(0, 260)}" is not a name that a Kafka topic can have.`);
    await this.#provide(names.map((name) => this.#wantedTopic(name)));
  }

  #wantedTopic(name: string): WantedTopic {
    if (name === this.#stateTopic?.name) return this.#stateTopic;
    const { partitions, replicationFactor, config = {} } = this.#topics[name] ?? {};
    return { name, partitions, replicationFactor, config };
  }

  async #check(): Promise<void> {
    await this.#provide(this.#wanted);
    this.#state = { ready: true, detail: this.#wanted.length === 0 ? "none are configured" : "all exist" };
  }

  async #provide(wanted: readonly WantedTopic[]): Promise<void> {
    const found = await Promise.allSettled(wanted.map((topic) => this.#exists(topic.name)));
    const failure = found.find((result) => result.status === "rejected");
    // A topic that cannot be checked now does not prevent the creation of the others.
    const missing = wanted.filter((_, n) => found[n]?.status === "fulfilled" && !found[n].value);
    if (missing.length > 0) await this.#provideMissing(missing);
    if (failure) throw failure.reason;
  }

  async #provideMissing(missing: readonly WantedTopic[]): Promise<void> {
    const { cluster, log } = this.#deps;
    const names = missing.map((topic) => topic.name).join(", ");
    if (!this.#create) {
      throw new MissingTopicsError(
        `Topics are missing in Kafka: ${names}. Create them, or set kafka.createTopics: true.\n\n${creationHelp(missing, cluster.options.brokers)}`,
      );
    }
    await createTopics(cluster.options, missing, log);
    log.info({ topics: names }, "topics created");
    // The brokers do not all know a new topic at the same time.
    const deadline = Date.now() + START_WAIT_MS;
    for (const { name } of missing) while (!(await this.#exists(name)) && Date.now() < deadline);
  }

  /** If Onramp is not authorized to see a topic, the topic counts as existing, so that the other topics can be used. */
  async #exists(name: string): Promise<boolean> {
    const { metadata, log } = this.#deps;
    let topic: TopicState;
    try {
      topic = await metadata.resolve(name, Date.now() + START_WAIT_MS);
    } catch (error) {
      if (!(error instanceof OnrampError)) throw error;
      if (error.code === 40401) return false;
      if (error.code !== 40301) throw error;
      log.warn({ topic: name, reason: error.message }, "a topic of the configuration can't be used");
      return true;
    }
    if (!this.#isDevBroker) for (const warning of durabilityWarnings(topic)) log.warn({}, warning);
    const warning =
      name === this.#stateTopic?.name
        ? checkStateTopic(topic, this.#deps.cluster.options.brokers)
        : undefined;
    if (warning) log.warn({}, warning);
    return true;
  }
}
