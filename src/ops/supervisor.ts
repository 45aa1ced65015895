// Starts services in order, and stops them in reverse order with one deadline for all.

import type { Log } from "../core/ports.ts";
import { untilDeadline } from "../core/time.ts";

/** A part of the process that is started and stopped. */
export interface Service {
  readonly name: string;
  /** Called once, after the services that were added earlier have started. */
  start?(): Promise<void>;
  /**
   * Called once. The services that were started earlier are stopped afterwards. Must end by `deadline`
   * (milliseconds, `Date.now`).
   */
  stop(deadline: number): Promise<void>;
}

/** Starts and stops services. */
export class Supervisor {
  readonly #log: Log;
  readonly #running: Service[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Starts a service. `stop` stops it before all services that were added earlier.
   *
   * @throws the error of its `start`
   */
  async add(service: Service): Promise<void> {
    this.#running.push(service);
    await service.start?.();
  }

  /**
   * Stops all services, the last one first. A service that fails, or exceeds the deadline, does not affect
   * the others.
   */
  async stop(deadline: number): Promise<void> {
    for (let service = this.#running.pop(); service; service = this.#running.pop()) {
      try {
        await untilDeadline(service.stop(deadline), deadline, "the stop deadline passed");
      } catch (error) {
        this.#log.error({ error, service: service.name }, "service did not stop cleanly");
      }
    }
  }
}
