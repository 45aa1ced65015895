// Starts services in order and stops them in reverse, under one deadline.

import type { Log } from "../core/ports.ts";

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
        await within(service.stop(deadline), deadline);
      } catch (error) {
        this.#log.error({ error, service: service.name }, "service did not stop cleanly");
      }
    }
  }
}

async function within(work: Promise<void>, deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error("the stop deadline passed")),
      Math.max(0, deadline - Date.now()),
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
