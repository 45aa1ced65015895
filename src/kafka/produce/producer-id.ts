// Requests the producer id of the process (InitProducerId). All lanes share it, and each counts its own epochs.

import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { InitProducerId } from "../../wire/messages/cluster.ts";
import type { Cluster } from "../client/cluster.ts";
import { BrokerRefused } from "../client/errors.ts";

const RETRY_MS = 200;

const DENIED =
  'Kafka does not let Onramp\'s user write as an idempotent producer: it needs the ACL "IdempotentWrite" on the cluster, or "Write" on the topics';

/** Holds the current producer id, and requests a new one when its epochs are used up. */
export class ProducerIds {
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #onReady: () => void;
  readonly #onRefusal: (code: number) => void;
  #current: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refusal: number | undefined;
  /** The refusal that was logged. */
  #logged: number | undefined;
  #fault: string | undefined = "Kafka has not assigned a producer id yet";
  #stopped = false;

  /** @param on `ready` is called when Kafka has assigned an id, `refused` with the code each time that Kafka refuses to */
  constructor(cluster: Cluster, log: Log, on: { ready: () => void; refused: (code: number) => void }) {
    this.#cluster = cluster;
    this.#log = log;
    this.#onReady = on.ready;
    this.#onRefusal = on.refused;
  }

  /** The producer id for new lanes; undefined until Kafka has assigned one. */
  get current(): number | undefined {
    return this.#current;
  }
  /** The error code with which Kafka refuses to assign a producer id, such as 31, until an operator acts. */
  get refusal(): number | undefined {
    return this.#refusal;
  }

  /** Why there is no producer id, and what to do next; undefined when there is one. */
  get fault(): string | undefined {
    return this.#current === undefined ? this.#fault : undefined;
  }

  /** Requests the first or a new producer id, in the background, until Kafka assigns one. */
  renew(): void {
    this.#current = undefined;
    if (this.#timer === undefined) this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const wait = this.#timer === undefined ? 0 : RETRY_MS;
    this.#timer = setTimeout(async () => {
      const answer = await this.#request().catch((error: unknown) => messageOf(error));
      if (typeof answer === "string") this.#onFailure(answer);
      else if (answer.errorCode !== KafkaCode.NONE) this.#onRefused(answer.errorCode);
      else if (!isProducerId(answer.producerId)) this.#onFailure("Kafka assigned an invalid producer id");
      else return this.#adopt(answer.producerId);
      if (!this.#stopped) this.#schedule();
    }, wait);
  }

  #adopt(id: number): void {
    this.#timer = undefined;
    this.#refusal = this.#logged = undefined;
    this.#current = id;
    this.#onReady();
  }

  #onFailure(reason: string): void {
    this.#refusal = undefined;
    this.#fault = reason;
    this.#log.debug({ reason }, "no producer id");
  }

  #onRefused(code: number): void {
    const { retriable, message } = new BrokerRefused("requesting a producer id", code);
    if (retriable || code === KafkaCode.UNKNOWN_SERVER_ERROR) return this.#onFailure(message);
    this.#fault = code === KafkaCode.CLUSTER_AUTHORIZATION_FAILED ? DENIED : message;
    this.#refusal = code;
    if (code !== this.#logged) this.#log.warn({ reason: this.#fault }, "no producer id");
    this.#logged = code;
    this.#onRefusal(code);
  }

  #request() {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    return this.#cluster.ask(InitProducerId, body);
  }
}

/** Kafka assigns ids from 0 upwards. A number cannot represent all ids above 2^53 exactly. */
const isProducerId = (id: number): boolean => id >= 0 && Number.isSafeInteger(id);
