// Starts the two HTTP servers: the API, and the admin server with health and metrics.

import { readFileSync } from "node:fs";
import path from "node:path";
import type { Config } from "../config/load.ts";
import { Budget, RECORD_OVERHEAD } from "../core/budget.ts";
import type { OnrampError } from "../core/errors.ts";
import type { LiveStreams } from "../core/live.ts";
import type { Log } from "../core/ports.ts";
import { bytes, ms } from "../core/units.ts";
import { type AdminDeps, adminApp } from "../http/admin.ts";
import { Tickets } from "../http/auth/tickets.ts";
import { createAuth } from "../http/auth/tokens.ts";
import { isLoopback } from "../http/loopback.ts";
import { apiListener, type Listening, listen } from "../http/server.ts";
import { checkFilter } from "../live/filters.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { Kafka } from "./kafka.ts";
import { portError } from "./start-error.ts";

/**
 * Warns when every client of the network may use the API. With `http.auth: none`, a proxy may pass requests
 * of the network to a loopback address.
 */
export function warnIfOpen(config: Config, log: Log): void {
  const host = apiHost(config);
  if (!tokensOf(config) && !isPrivate(config))
    log.warn(
      { host },
      "the API accepts requests without auth; set http.auth.tokens, or make sure that a proxy authenticates all requests",
    );
}

/**
 * The share of webhooks, whose senders are not known while their bodies are received. Bodies that are larger
 * than the share of an address use a second budget, which has room for one body of `maxBody` bytes.
 */
function webhookLimits(whole: Budget, maxBody: number) {
  const name = "the webhook share of http.budget";
  return {
    budget: new Budget(whole.limit / 4, { whole, name }),
    largeBudget: new Budget(maxBody + RECORD_OVERHEAD, {
      whole,
      name: `${name} for large bodies`,
      clientShare: 1,
    }),
  };
}

/** A listening server, and its URL for clients on this machine. */
export interface HttpServer extends Listening {
  readonly url: string;
}

/** @throws StartError when the port is not free */
export async function startAdmin(config: Config, deps: Omit<AdminDeps, "loopbackOnly">): Promise<HttpServer> {
  const { host } = config.admin;
  const app = adminApp({ ...deps, loopbackOnly: isLoopback(host) });
  const server = await listen(app, config.admin.port, host).catch((error: unknown) => {
    throw portError("admin.port", config.admin.port, error);
  });
  return { ...server, url: `http://${urlHost(host)}:${server.port}` };
}

const PACKAGE = path.join(import.meta.dirname, "..", "..");
const CONTRACTS = ["openapi.yaml", "openapi-compat.yaml"] as const;

export interface ApiParts {
  readonly kafka: Kafka;
  readonly budget: Budget;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly live: LiveStreams;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborted when the process begins to stop. */
  readonly draining: AbortSignal;
}

/** @throws StartError when the port is not free */
export async function startApi(
  config: Config,
  { kafka, budget, metrics, log, live, now, draining }: ApiParts,
): Promise<HttpServer> {
  const host = apiHost(config);
  const auth = createAuth(tokensOf(config));
  const { topics, webhooks } = config.compiled;
  const listener = apiListener({
    ingest: kafka.ingest,
    auth,
    tickets: new Tickets(config.http.tickets?.secret, auth, now),
    checkFilter,
    live,
    now,
    budget,
    webhookLimits: webhookLimits(budget, bytes(config.http.maxBody)),
    maxBody: bytes(config.http.maxBody),
    maxRecords: config.http.maxRecords,
    deadlineMs: ms(config.http.deadline),
    webhooks: new Map([...webhooks].map(([name, { adapter }]) => [name, adapter])),
    catalog: kafka.metadata,
    topics,
    namespace: config.kafka.namespace,
    origins: { allowed: config.http.cors, loopbackOnly: isPrivate(config) },
    contracts: new Map(CONTRACTS.map((file) => [file, readFileSync(path.join(PACKAGE, file))])),
    draining,
    report: (error) => report(error, metrics, log),
  });
  const { tls, port } = config.http;
  const files = tls && {
    cert: path.resolve(config.folder, tls.cert),
    key: path.resolve(config.folder, tls.key),
  };
  const server = await listen(listener, port, host, files).catch((error: unknown) => {
    throw portError("http.port", port, error);
  });
  return { ...server, url: `${tls ? "https" : "http"}://${urlHost(host)}:${server.port}` };
}

/**
 * Counts every failed request. Logs unexpected errors, and errors of records that Kafka refused (status 500).
 */
function report(error: OnrampError, metrics: Metrics, log: Log): void {
  metrics.countRefused("", error, 1);
  if (error.status === 500) log.error({ code: error.code, error: error.cause ?? error }, "request failed");
}

function tokensOf({ http }: Config) {
  return http.auth === "none" ? undefined : http.auth?.tokens;
}

/** Whether only clients on this machine may use the API: no auth is configured, not even `none`. */
const isPrivate = (config: Config): boolean => config.http.auth === undefined && isLoopback(apiHost(config));
const apiHost = (config: Config): string => config.http.host ?? (tokensOf(config) ? "0.0.0.0" : "127.0.0.1");
const urlHost = (host: string): string =>
  host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
