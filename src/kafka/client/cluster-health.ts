// Tracks whether Kafka can be used, and why not. Logs each change once.

import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../core/ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { BrokerRefused, LoginFailed } from "./errors.ts";

/** Why Kafka cannot be used, and what to do next. */
export interface ClusterFault {
  readonly kind: "unreachable" | "advertised" | "login" | "versions";
  readonly message: string;
}

/** No broker can be reached at the address in the metadata, although a bootstrap broker answers. */
export class AdvertisedUnreachable extends Error {
  override readonly name = "AdvertisedUnreachable";

  constructor(bootstrap: string, cause: unknown) {
    super(
      `${bootstrap} answers, but no broker can be reached at the address that it advertises: ${messageOf(cause)}. Check advertised.listeners of the brokers, and the network between Onramp and these addresses`,
    );
  }
}

/** @returns the fault that the error of an attempt to use Kafka shows */
export function faultOfError(error: unknown): ClusterFault {
  const message = messageOf(error);
  if (error instanceof AdvertisedUnreachable) return { kind: "advertised", message };
  if (error instanceof LoginFailed) return { kind: "login", message: `${message}. Check kafka.sasl` };
  if (!(error instanceof BrokerRefused))
    return { kind: "unreachable", message: `${message}. Check kafka.brokers, and whether the brokers run` };
  if (error.code === KafkaCode.UNSUPPORTED_VERSION) return { kind: "versions", message };
  return { kind: "login", message: `the login is refused: ${message}. Check kafka.sasl` };
}

/** The state of a cluster. */
export class ClusterHealth {
  readonly #log: Log;
  #downSince: number | undefined;
  #fault: ClusterFault | undefined;
  /** When the first fault in succession began (milliseconds, `Date.now`). */
  #faultSince = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Why Kafka cannot be used; undefined while it can. */
  get fault(): ClusterFault | undefined {
    return this.#fault;
  }

  /** How long no broker has been reachable, in milliseconds; 0 while one is reachable. */
  get downForMs(): number {
    return this.#downSince === undefined ? 0 : Math.max(1, Date.now() - this.#downSince);
  }

  /** Called at the start: no broker has been reached yet. */
  start(): void {
    this.#downSince = Date.now();
  }

  /**
   * Stores the result of a check.
   *
   * @param downSince since when no broker is reachable (milliseconds, `Date.now`); undefined when one is
   */
  update(fault: ClusterFault | undefined, downSince: number | undefined): void {
    const { kind } = this.#fault ?? {};
    const wasDown = this.#downSince !== undefined;
    const downMs = Date.now() - (this.#downSince ?? this.#faultSince);
    if (fault && !kind) this.#faultSince = Date.now();
    this.#fault = fault;
    this.#downSince = downSince === undefined ? undefined : (this.#downSince ?? downSince);
    if (fault && fault.kind !== kind) this.#log.warn({ reason: fault.message }, EVENTS[fault.kind]);
    if (!fault && (wasDown || kind)) this.#log.info({ downMs }, "kafka reachable");
  }
}

const EVENTS: Readonly<Record<ClusterFault["kind"], string>> = {
  unreachable: "kafka unreachable",
  advertised: "kafka unreachable at its advertised addresses",
  login: "kafka refuses the login",
  versions: "kafka lacks an API that Onramp needs",
};
