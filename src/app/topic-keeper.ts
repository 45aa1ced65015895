// Sees to the topics that the configuration names: there they are, or they are created, or the start fails and
// says how to create them. Where Kafka comes late, so does this.

import type { Config } from "../config/types.ts";
import { OnrampError } from "../core/errors.ts";
import type { Log, Readiness } from "../core/ports.ts";
import {
  createTopics,
  creationHelp,
  durabilityWarnings,
  type WantedTopic,
} from "../kafka/admin/create-topics.ts";
import type { Cluster } from "../kafka/client/cluster.ts";
import type { TopicMetadata } from "../kafka/client/metadata.ts";

/** How long the start waits for Kafka's word on the topics before it goes on without. */
const START_WAIT_MS = 3000;
const RETRY_MS = 1000;

interface Deps {
  readonly cluster: Cluster;
  readonly metadata: TopicMetadata;
  readonly log: Log;
}

/** Topics that must exist and do not; the message says how to create them. */
export class MissingTopicsError extends Error {
  override readonly name = "MissingTopicsError";
}

/** Checks topics once Kafka answers. */
export class TopicKeeper {
  readonly #deps: Deps;
  readonly #dev: boolean;
  readonly #create: boolean;
  readonly #wanted: readonly WantedTopic[];
  #state: Readiness = { ready: false, detail: "not checked yet: Kafka has not answered" };
  #timer: NodeJS.Timeout | undefined;

  constructor(config: Config, names: readonly string[], dev: boolean, deps: Deps) {
    this.#deps = deps;
    this.#dev = dev;
    this.#create = config.kafka.createTopics ?? dev;
    this.#wanted = names.map((name) => {
      const { partitions, replicationFactor, config: configs = {} } = config.topics[name] ?? {};
      return { name, partitions, replicationFactor, config: configs };
    });
  }

  get readiness(): Readiness {
    return this.#state;
  }

  /** @throws MissingTopicsError when Kafka answers in time and topics are missing that may not be created */
  async start(): Promise<void> {
    const deadline = Date.now() + START_WAIT_MS;
    for (;;) {
      try {
        return await this.#check();
      } catch (error) {
        if (error instanceof MissingTopicsError) throw error;
        this.#unready(error);
        if (Date.now() >= deadline) return this.#later();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Kafka was away at the start: the process stays up, is not ready, and looks again. */
  #later(): void {
    this.#timer = setTimeout(() => {
      this.#check().catch((error: unknown) => {
        this.#unready(error);
        this.#later();
      });
    }, RETRY_MS);
  }

  #unready(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    if (detail !== this.#state.detail) this.#deps.log.warn({ reason: detail }, "topics not checked");
    this.#state = { ready: false, detail };
  }

  async #check(): Promise<void> {
    const there = await Promise.all(this.#wanted.map((topic) => this.#exists(topic.name)));
    const missing = this.#wanted.filter((_, n) => !there[n]);
    const { cluster, log } = this.#deps;
    if (missing.length > 0) {
      const names = missing.map((topic) => topic.name).join(", ");
      if (!this.#create) {
        throw new MissingTopicsError(
          `Kafka has no topic ${names}. Create them, or set kafka.createTopics: true.\n\n${creationHelp(missing, cluster.options.brokers)}`,
        );
      }
      await createTopics(cluster.options, missing, log);
      log.info({ topics: names }, "topics created");
      // Brokers learn of a new topic one by one.
      const deadline = Date.now() + START_WAIT_MS;
      for (const { name } of missing) while (!(await this.#exists(name)) && Date.now() < deadline);
    }
    this.#state = { ready: true, detail: this.#wanted.length === 0 ? "none are configured" : "all there" };
  }

  async #exists(name: string): Promise<boolean> {
    try {
      const topic = await this.#deps.metadata.resolve(name, Date.now() + START_WAIT_MS);
      if (!this.#dev) for (const warning of durabilityWarnings(topic)) this.#deps.log.warn({}, warning);
      return true;
    } catch (error) {
      if (error instanceof OnrampError && error.code === 40401) return false;
      throw error;
    }
  }
}
