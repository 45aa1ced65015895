// Finds the coordinator of a consumer group or a transactional id and sends requests to it. After an error,
// it looks for the coordinator again.

import type { Api } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { FindCoordinator } from "../../wire/messages/cluster.ts";
import { isUsable } from "./address.ts";
import type { Cluster } from "./cluster.ts";
import { BrokerRefused } from "./errors.ts";

const MOVED: readonly number[] = [
  KafkaCode.COORDINATOR_LOAD_IN_PROGRESS,
  KafkaCode.COORDINATOR_NOT_AVAILABLE,
  KafkaCode.NOT_COORDINATOR,
];

/** Whether the error code means that another broker is the coordinator, or that the coordinator is not ready yet. */
export const coordinatorMoved = (code: number): boolean => MOVED.includes(code);

/** The group or the transactional id that a coordinator is responsible for, as in FindCoordinator. */
export interface CoordinatorKey {
  /** The id of the group, or the transactional id. */
  readonly key: string;
  /** 0 for a group, 1 for a transactional id. */
  readonly keyType: 0 | 1;
}

/** Sends requests to the coordinator of one key, on a connection of its own. */
export class Coordinator {
  readonly #cluster: Cluster;
  readonly #key: CoordinatorKey;
  #nodeId: number | undefined;

  constructor(cluster: Cluster, key: CoordinatorKey) {
    this.#cluster = cluster;
    this.#key = key;
  }

  /**
   * Sends one request to the coordinator. After an error, the next request looks for the coordinator again.
   *
   * @param timeoutMs the time in which the coordinator must answer, in milliseconds
   * @throws BrokerRefused when no coordinator is found (see `coordinatorMoved`), BrokerGone when it cannot be reached
   */
  async ask<Q, R>(api: Api<Q, R>, body: Q, timeoutMs: number): Promise<R> {
    try {
      const connection = await this.#cluster.connection(await this.#find(), this.#channel);
      return await connection.request(api, connection.version(api), body, timeoutMs);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  get #channel(): string {
    return `${this.#key.keyType === 0 ? "group" : "transaction"}-${this.#key.key}`;
  }

  /** Forgets the coordinator, so that the next request looks for it again. */
  forget(): void {
    this.#nodeId = undefined;
  }

  /** Closes the connections. The next request opens one again. */
  close(): void {
    this.forget();
    this.#cluster.closeChannel(this.#channel);
  }

  async #find(): Promise<number> {
    if (this.#nodeId !== undefined) return this.#nodeId;
    const answer = await this.#cluster.ask(FindCoordinator, this.#key);
    const { errorCode, nodeId, host, port } = answer;
    if (errorCode !== KafkaCode.NONE)
      throw new BrokerRefused(`finding the coordinator of ${this.#key.key}`, errorCode);
    if (!isUsable(answer))
      throw new BrokerRefused(
        `finding the coordinator of ${this.#key.key}: broker ${nodeId} has no usable address`,
        KafkaCode.COORDINATOR_NOT_AVAILABLE,
      );
    this.#cluster.addBroker({ nodeId, host, port });
    this.#nodeId = nodeId;
    return nodeId;
  }
}
