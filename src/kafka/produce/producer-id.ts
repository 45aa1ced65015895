// The process's producer id (InitProducerId). Lanes count their own epochs on it.

import type { Log } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { InitProducerId } from "../../wire/messages/cluster.ts";
import type { Cluster } from "../client/cluster.ts";
import { BrokerRefused } from "../client/errors.ts";

const VERSION = 1;
const RETRY_MS = 200;

/** Holds the current producer id and gets another when it is used up. */
export class ProducerIds {
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #onReady: () => void;
  readonly #onDenied: () => void;
  #current: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #denied = false;
  #stopped = false;

  constructor(cluster: Cluster, log: Log, on: { ready: () => void; denied: () => void }) {
    this.#cluster = cluster;
    this.#log = log;
    this.#onReady = on.ready;
    this.#onDenied = on.denied;
  }

  /** The id for new lanes; undefined until Kafka gave one. */
  get current(): number | undefined {
    return this.#current;
  }
  /** True when Kafka refuses to give one: the ACL IdempotentWrite is missing. */
  get denied(): boolean {
    return this.#denied;
  }

  /** Gets the first id, or another one; tries until it has it. */
  renew(): void {
    this.#current = undefined;
    if (this.#timer === undefined) this.#try();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #try(): void {
    this.#timer = setTimeout(
      () => {
        this.#request().then(
          (id) => {
            this.#timer = undefined;
            this.#denied = false;
            this.#current = id;
            this.#onReady();
          },
          (error: unknown) => {
            this.#log.debug({ error }, "no producer id yet");
            this.#denied =
              error instanceof BrokerRefused && error.code === KafkaCode.CLUSTER_AUTHORIZATION_FAILED;
            if (this.#denied) this.#onDenied();
            if (!this.#stopped) this.#try();
          },
        );
      },
      this.#timer === undefined ? 0 : RETRY_MS,
    );
  }

  async #request(): Promise<number> {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    const answer = await this.#cluster.ask(InitProducerId, VERSION, body);
    if (answer.errorCode !== 0) throw new BrokerRefused("asking for a producer id", answer.errorCode);
    return answer.producerId;
  }
}
