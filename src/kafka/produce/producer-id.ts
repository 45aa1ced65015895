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
  readonly #onDenied: () => void;
  #current: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #denied = false;
  #fault: string | undefined = "Kafka has not assigned a producer id yet";
  #stopped = false;

  /** @param on `ready` is called when Kafka has assigned an id, `denied` each time that Kafka refuses to assign one */
  constructor(cluster: Cluster, log: Log, on: { ready: () => void; denied: () => void }) {
    this.#cluster = cluster;
    this.#log = log;
    this.#onReady = on.ready;
    this.#onDenied = on.denied;
  }

  /** The producer id for new lanes; undefined until Kafka has assigned one. */
  get current(): number | undefined {
    return this.#current;
  }
  /** True when Kafka refuses to assign a producer id, because the ACL IdempotentWrite is missing. */
  get denied(): boolean {
    return this.#denied;
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
      else return this.#adopt(answer.producerId);
      if (!this.#stopped) this.#schedule();
    }, wait);
  }

  #adopt(id: number): void {
    this.#timer = undefined;
    this.#denied = false;
    this.#current = id;
    this.#onReady();
  }

  #onFailure(reason: string): void {
    this.#denied = false;
    this.#report(reason, false);
  }

  #onRefused(code: number): void {
    this.#denied = code === KafkaCode.CLUSTER_AUTHORIZATION_FAILED;
    const refused = new BrokerRefused("requesting a producer id", code);
    this.#report(this.#denied ? DENIED : refused.message, !refused.retriable);
    if (this.#denied) this.#onDenied();
  }

  /** @param permanent whether an operator must act: it is then logged, once per change */
  #report(fault: string, permanent: boolean): void {
    const level = permanent && fault !== this.#fault ? "warn" : "debug";
    this.#log[level]({ reason: fault }, "no producer id");
    this.#fault = fault;
  }

  #request() {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    return this.#cluster.ask(InitProducerId, body);
  }
}
