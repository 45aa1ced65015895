// The wiring: the only file that sees every folder. Starts the parts in order and stops them in reverse.

import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { planOf } from "../config/compile.ts";
import type { Config } from "../config/types.ts";
import { Budget } from "../core/budget.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { OnrampError } from "../core/errors.ts";
import { createIngest } from "../core/ingest.ts";
import type { Log, Readiness } from "../core/ports.ts";
import { bytes, ms } from "../core/units.ts";
import { adminApp } from "../http/admin.ts";
import { createAuth } from "../http/auth/tokens.ts";
import { apiListener, listen } from "../http/server.ts";
import { Cluster } from "../kafka/client/cluster.ts";
import { TopicMetadata } from "../kafka/client/metadata.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { Producer } from "../kafka/produce/producer.ts";
import { createMetrics, type Metrics } from "../ops/metrics.ts";
import { slowExpressions } from "../ops/slow-expressions.ts";
import { Supervisor } from "../ops/supervisor.ts";
import { Turns } from "../runners/rate-limiter.ts";
import { kafkaOptions } from "./kafka-options.ts";
import { Delivery } from "./sinks.ts";
import { TopicKeeper } from "./topic-keeper.ts";

export interface GatewayOptions {
  /** Development: without brokers, start one; create missing topics. */
  readonly dev: boolean;
  /** Refuse to start without `http.auth`, as the image does. */
  readonly requireAuth: boolean;
  /** Time as sinks see it; the system's by default. */
  readonly clock?: Clock;
}

/** A running gateway. */
export interface Gateway {
  readonly apiUrl: string;
  readonly adminUrl: string;
  /** Where the development broker listens, when it was started. */
  readonly devBroker: string | undefined;
  /** Drains and stops, within `stop.deadline`. */
  stop(): Promise<void>;
}

/** The start cannot go on, and why; the message is for the operator. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/**
 * Starts everything that the configuration asks for.
 *
 * @throws StartError, ConfigError
 */
export async function startGateway(config: Config, options: GatewayOptions, log: Log): Promise<Gateway> {
  const auth = config.http.auth === "none" ? undefined : config.http.auth?.tokens;
  if (options.requireAuth && config.http.auth === undefined)
    throw new StartError(
      "No auth is configured. Set http.auth.tokens (see `onramp token`), or http.auth: none on purpose.",
    );
  const clock = options.clock ?? systemClock;
  const plan = planOf(config, { onSlow: slowExpressions(log), now: clock.now });
  for (const warning of plan.warnings) log.warn({}, warning);
  const supervisor = new Supervisor(log);
  try {
    const devBroker = await startDevBroker(config, options, supervisor);
    const brokers = devBroker ? [devBroker] : config.kafka.brokers;
    if (brokers.length === 0)
      throw new StartError(
        "No Kafka broker is configured. Set kafka.brokers in the configuration or KAFKA_BROKERS=host:port, or start with --dev.",
      );

    const cluster = new Cluster(kafkaOptions(config, brokers), log);
    const metadata = new TopicMetadata(cluster, log);
    const budget = new Budget(bytes(config.http.budget));
    const draining = new AbortController();
    // Every stream of lines listens.
    setMaxListeners(0, draining.signal);
    const metrics: Metrics = createMetrics(
      {
        inFlightBytes: () => budget.used,
        lanesOpen: () => producer.lanes.open,
        lanesBackingOff: () => producer.lanes.backingOff,
        sinks: () => delivery.states,
      },
      (topic) => metadata.get(topic) !== undefined,
    );
    const producerOptions = {
      compression: compressionOf(config.kafka.compression),
      lingerMs: ms(config.kafka.linger),
      laneBytes: budget.limit / 2,
    };
    const producer = new Producer(cluster, metadata, producerOptions, log, metrics);
    const keeper = new TopicKeeper(config, plan.topicNames, options.dev, { cluster, metadata, log });
    const ingest = createIngest({
      log: producer,
      topics: plan.topics,
      namespace: config.kafka.namespace,
      meter: metrics,
    });

    const turns = new Turns(clock);
    const delivery = new Delivery(config, plan.sinks, { cluster, metadata, ingest, log, clock, turns });

    const host = config.http.host ?? (auth ? "0.0.0.0" : "127.0.0.1");
    if (!auth && !isLoopback(host))
      log.warn({ host }, "the API is open to the network without auth; set http.auth.tokens");
    const admin = await listen(
      adminApp({
        readiness: () => readiness(cluster, producer, keeper, draining.signal.aborted),
        scrape: metrics.scrape,
        sinks: () => delivery.states,
      }),
      config.admin.port,
      config.admin.host ?? host,
    ).catch((error: unknown) => refusePort("admin.port", config.admin.port, error));
    await supervisor.add({ name: "admin", stop: () => admin.close() });

    await supervisor.add({
      name: "kafka",
      async start() {
        cluster.start();
        metadata.start();
        producer.start();
        await keeper.start();
      },
      async stop(deadline) {
        keeper.stop();
        await producer.stop(deadline);
        metadata.stop();
        cluster.close();
      },
    });

    await supervisor.add({
      name: "sinks",
      async start() {
        delivery.start();
      },
      stop: () => delivery.stop(),
    });

    const listener = apiListener({
      ingest,
      auth: createAuth(auth),
      budget,
      maxBody: bytes(config.http.maxBody),
      deadlineMs: ms(config.http.deadline),
      webhooks: plan.webhooks,
      catalog: metadata,
      topics: plan.topics,
      namespace: config.kafka.namespace,
      origins: { allowed: config.http.cors, loopbackOnly: !auth && isLoopback(host) },
      openapi: readFileSync(path.join(import.meta.dirname, "..", "..", "openapi.yaml")),
      draining: draining.signal,
      report: (error) => report(error, metrics, log),
    });
    const tls = config.http.tls && {
      cert: path.resolve(config.folder, config.http.tls.cert),
      key: path.resolve(config.folder, config.http.tls.key),
    };
    const api = await listen(listener, config.http.port, host, tls).catch((error: unknown) =>
      refusePort("http.port", config.http.port, error),
    );
    await supervisor.add({ name: "http", stop: () => api.close() });

    return {
      apiUrl: `${config.http.tls ? "https" : "http"}://${urlHost(host)}:${api.port}`,
      adminUrl: `http://${urlHost(config.admin.host ?? host)}:${admin.port}`,
      devBroker,
      async stop() {
        const deadline = Date.now() + ms(config.stop.deadline);
        draining.abort();
        // No load balancer stands before a development gateway.
        if (!options.dev) await delay(ms(config.stop.drain));
        await supervisor.stop(deadline);
      },
    };
  } catch (error) {
    await supervisor.stop(Date.now() + ms(config.stop.deadline));
    throw error;
  }
}

async function startDevBroker(
  config: Config,
  { dev }: GatewayOptions,
  supervisor: Supervisor,
): Promise<string | undefined> {
  if (!dev || config.kafka.brokers.length > 0) return undefined;
  // Loaded only here: production never reads this code.
  const { DevBroker } = await import("../dev-broker/broker.ts");
  const broker = new DevBroker({
    port: config.devBroker.port,
    retentionBytes: bytes(config.devBroker.retention),
  });
  await broker
    .start()
    .catch((error: unknown) => refusePort("ONRAMP_DEV_BROKER_PORT", config.devBroker.port, error));
  if (Object.keys(config.topics).length === 0) broker.createTopic("orders");
  await supervisor.add({ name: "dev-broker", stop: () => broker.stop() });
  return broker.address;
}

function readiness(
  cluster: Cluster,
  producer: Producer,
  keeper: TopicKeeper,
  draining: boolean,
): Record<string, Readiness> {
  const down = cluster.downForMs > 0;
  return {
    process: { ready: !draining, detail: draining ? "stopping" : "running" },
    kafka: {
      ready: !down && producer.ready,
      detail: down
        ? `no broker reachable: ${cluster.lastError}`
        : producer.ready
          ? "able to produce"
          : "waiting for a producer id",
    },
    topics: keeper.readiness,
  };
}

/** Refusals are counted; what nobody foresaw, or Kafka refuses for its own reasons, is for the operator. */
function report(error: OnrampError, metrics: Metrics, log: Log): void {
  metrics.refused("", error, 1);
  if (error.status === 500) log.error({ code: error.code, error: error.cause ?? error }, "request failed");
}

function refusePort(what: string, port: number, error: unknown): never {
  const code = (error as NodeJS.ErrnoException).code;
  throw new StartError(
    code === "EADDRINUSE"
      ? `Port ${port} is taken; set ${what} to another one.`
      : `Cannot listen on port ${port} (${code}); see ${what}.`,
    { cause: error },
  );
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");
const urlHost = (host: string): string =>
  host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
