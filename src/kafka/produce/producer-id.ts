// Requests the producer id of the process (InitProducerId). All lanes share it, and each counts its own epochs.

import type { Log } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { InitProducerId } from "../../wire/messages/cluster.ts";
import type { Cluster } from "../client/cluster.ts";
import { BrokerRefused } from "../client/errors.ts";

const VERSION = 1;
const RETRY_MS = 200;

/** Holds the current producer id, and requests a new one when its epochs are used up. */
export class ProducerIds {
  readonly #cluster: Cluster;
  readonly #log: Log;
  readonly #onReady: () => void;
  readonly #onDenied: () => void;
  #current: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #denied = false;
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
            if (!this.#stopped) this.#schedule();
          },
        );
      },
      this.#timer === undefined ? 0 : RETRY_MS,
    );
  }

  async #request(): Promise<number> {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    const answer = await this.#cluster.ask(InitProducerId, VERSION, body);
    if (answer.errorCode !== 0) throw new BrokerRefused("requesting a producer id", answer.errorCode);
    return answer.producerId;
  }
}
