// Starts the parts of the gateway in order, and stops them in reverse order.

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../config/load.ts";
import { Budget } from "../core/budget.ts";
import type { Log, Readiness } from "../core/ports.ts";
import { type Clock, systemClock } from "../core/time.ts";
import { bytes, ms } from "../core/units.ts";
import { createMetrics } from "../ops/metrics.ts";
import { Supervisor } from "../ops/supervisor.ts";
import { RateLimiter } from "../runners/rate-limiter.ts";
import { startDevBroker } from "./dev-broker.ts";
import { startAdmin, startApi, warnIfOpen } from "./http.ts";
import { createKafka, NO_BROKER } from "./kafka.ts";
import { createLive } from "./live.ts";
import { readiness } from "./readiness.ts";
import { Sinks } from "./sinks.ts";
import { Sources } from "./sources.ts";
import { StartError } from "./start-error.ts";
import { TopicKeeper } from "./topic-keeper.ts";

export interface GatewayOptions {
  /** Development mode: starts the development broker if no broker is configured, and creates missing topics there. */
  readonly dev: boolean;
  /** Refuses to start without `http.auth`. The container image sets it (`ONRAMP_REQUIRE_AUTH`). */
  readonly requireAuth: boolean;
  /** The clock of the sinks, the sources and the tickets. Default: the system clock. */
  readonly clock?: Clock;
}

/** A running gateway. */
export interface Gateway {
  readonly apiUrl: string;
  readonly adminUrl: string;
  /** The address of the development broker; undefined when it was not started. */
  readonly devBroker: string | undefined;
  /** Returns the response of `/readyz`: for each part, whether it is ready to produce records. */
  readonly readiness: () => Readonly<Record<string, Readiness>>;
  /** Drains and stops. Resolves within `stop.deadline`. */
  stop(): Promise<void>;
}

/**
 * Starts the gateway.
 *
 * @throws StartError, MissingTopicsError
 */
export async function startGateway(config: Config, options: GatewayOptions, log: Log): Promise<Gateway> {
  if (options.requireAuth && config.http.auth === undefined)
    throw new StartError(
      "No auth is configured. Set http.auth.tokens (see `onramp token`), or http.auth: none to allow every client.",
    );
  for (const warning of config.compiled.warnings) log.warn({}, warning);
  const supervisor = new Supervisor(log);
  try {
    return await startParts(config, options, log, supervisor);
  } catch (error) {
    await supervisor.stop(Date.now() + ms(config.stop.deadline));
    throw error;
  }
}

async function startParts(
  config: Config,
  options: GatewayOptions,
  log: Log,
  supervisor: Supervisor,
): Promise<Gateway> {
  const devBroker = await devBrokerFor(config, options, supervisor);
  const brokers = devBroker ? [devBroker] : config.kafka.brokers;
  if (brokers.length === 0) throw new StartError(`${NO_BROKER}, or start with --dev.`);

  warnIfOpen(config, log);
  const kafka = createKafka(config, brokers, log, createMetrics);
  const metrics = kafka.meter;
  const keeper = new TopicKeeper(config, devBroker !== undefined, { ...kafka, log });
  const clock = options.clock ?? systemClock;
  const sinks = new Sinks(config, { ...kafka, log, clock, limiter: new RateLimiter(clock) });
  const budget = new Budget(bytes(config.http.budget));
  const sources = new Sources(config, { ...kafka, log, clock, topics: keeper });
  const live = createLive(config, kafka, log);
  for (const part of [budget, kafka.producer, sinks, sources, live]) metrics.register(part.metrics);
  const draining = new AbortController();
  // Every NDJSON request adds a listener; without this, Node.js would warn about a leak.
  setMaxListeners(0, draining.signal);

  const partsReadiness = () => readiness(kafka, keeper, sources.summaries, draining.signal.aborted);
  const admin = await startAdmin(config, {
    readiness: partsReadiness,
    scrape: metrics.scrape,
    sinks: () => sinks.states,
    sources: () => sources.states,
  });
  await supervisor.add({ name: "admin", stop: () => admin.close() });
  await supervisor.add({
    name: "kafka",
    async start() {
      kafka.start();
      await keeper.start();
    },
    async stop(deadline) {
      keeper.stop();
      await kafka.stop(deadline);
    },
  });
  await supervisor.add({ name: "sinks", start: async () => sinks.start(), stop: () => sinks.stop() });
  const api = await startApi(config, {
    kafka,
    budget,
    metrics,
    log,
    now: clock.now,
    live: live.streams,
    draining: draining.signal,
  });
  await supervisor.add({ name: "http", stop: () => api.close() });
  await supervisor.add({ name: "sources", start: async () => sources.start(), stop: () => sources.stop() });
  // Stopped first: clients continue on another replica, and the server waits for their responses to end.
  await supervisor.add({ name: "events", stop: async () => live.stop() });

  return {
    apiUrl: api.url,
    adminUrl: admin.url,
    devBroker,
    readiness: partsReadiness,
    async stop() {
      const deadline = Date.now() + ms(config.stop.deadline);
      draining.abort();
      live.streams.drain();
      // There is no load balancer in front of a development gateway.
      if (!options.dev) await delay(ms(config.stop.drain));
      await supervisor.stop(deadline);
    },
  };
}

/** Starts the development broker, if `dev` is set and no broker is configured. @returns its address */
async function devBrokerFor(
  config: Config,
  { dev }: GatewayOptions,
  supervisor: Supervisor,
): Promise<string | undefined> {
  if (!dev || config.kafka.brokers.length > 0) return undefined;
  const broker = await startDevBroker(config, "ONRAMP_DEV_BROKER_PORT");
  if (Object.keys(config.topics).length === 0) broker.createTopic("orders");
  await supervisor.add({ name: "dev-broker", stop: () => broker.stop() });
  return broker.address;
}
