// The broker that coordinates a consumer group (key type 0) or a transactional id (key type 1): found once, and
// looked for again after it has moved or failed.

import { setTimeout as delay } from "node:timers/promises";
import type { Api } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { FindCoordinator } from "../../wire/messages/cluster.ts";
import type { Cluster } from "./cluster.ts";
import { BrokerRefused } from "./errors.ts";

const FIND_VERSION = 2;
const PAUSE_MS = 200;
const MOVED: readonly number[] = [
  KafkaCode.COORDINATOR_LOAD_IN_PROGRESS,
  KafkaCode.COORDINATOR_NOT_AVAILABLE,
  KafkaCode.NOT_COORDINATOR,
];

/** Whether the code says that the coordinator is another broker, or is not ready yet. */
export const coordinatorMoved = (code: number): boolean => MOVED.includes(code);

export interface CoordinatorKey {
  /** The group's name, or the transactional id. */
  readonly key: string;
  /** 0 for a group, 1 for a transactional id. */
  readonly keyType: 0 | 1;
}

/** Sends requests to the coordinator of one key, on a connection that nothing else uses. */
export class Coordinator {
  readonly #cluster: Cluster;
  readonly #key: CoordinatorKey;
  #nodeId: number | undefined;

  constructor(cluster: Cluster, key: CoordinatorKey) {
    this.#cluster = cluster;
    this.#key = key;
  }

  /**
   * Sends one request.
   *
   * @throws BrokerRefused when no coordinator is found (see `coordinatorMoved`), BrokerGone
   */
  async ask<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs: number): Promise<R> {
    const channel = `${this.#key.keyType === 0 ? "group" : "transaction"}-${this.#key.key}`;
    try {
      const connection = await this.#cluster.connection(await this.#find(), channel);
      return await connection.request(api, version, body, timeoutMs);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** Looks for the coordinator again before the next request. */
  forget(): void {
    this.#nodeId = undefined;
  }

  /** Forgets the coordinator and waits for a moment, in which another broker can take over. */
  async pauseAndForget(): Promise<void> {
    this.forget();
    await delay(PAUSE_MS);
  }

  async #find(): Promise<number> {
    if (this.#nodeId !== undefined) return this.#nodeId;
    const answer = await this.#cluster.ask(FindCoordinator, FIND_VERSION, this.#key);
    const { errorCode, nodeId, host, port } = answer;
    if (errorCode !== KafkaCode.NONE)
      throw new BrokerRefused(`finding the coordinator of ${this.#key.key}`, errorCode);
    this.#cluster.learn([{ nodeId, host, port }]);
    this.#nodeId = nodeId;
    return nodeId;
  }
}
