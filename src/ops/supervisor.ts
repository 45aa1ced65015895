// Starts services in order and stops them in reverse, under one deadline.

import type { Log } from "../core/ports.ts";
import { untilDeadline } from "../core/time.ts";

/** A part of the process with a start and an end. */
export interface Service {
  readonly name: string;
  /** Called once, after the services before it have started. */
  start?(): Promise<void>;
  /** Called once, before the services in front of it stop; must end by `deadline` (ms, `Date.now`). */
  stop(deadline: number): Promise<void>;
}

/** Runs services. */
export class Supervisor {
  readonly #log: Log;
  readonly #running: Service[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Starts a service behind those that run. @throws what its `start` throws */
  async add(service: Service): Promise<void> {
    this.#running.push(service);
    await service.start?.();
  }

  /** Stops all, last first; a service that fails or outlasts the deadline does not keep the others from stopping. */
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
