// The API server. Requests to produce, and streams of events, go directly to their handlers; all other requests go through
// Express.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type net from "node:net";
import express from "express";
import { type ErrorCode, OnrampError } from "../core/errors.ts";
import { Connections } from "./connections.ts";
import { type EventsDeps, handleEvents } from "./events/events.ts";
import { isEvents } from "./events/request.ts";
import { prepareHead } from "./head.ts";
import { type MetadataDeps, metadataRoutes } from "./metadata.ts";
import { checkOrigin, type OriginRule } from "./origin.ts";
import { problemErrors, sendProblem } from "./problem.ts";
import { handleProduce, isProduce } from "./produce/produce.ts";
import type { ProduceDeps } from "./produce/produce-deps.ts";
import { apiRoutes } from "./routes.ts";
import { type TicketDeps, ticketRoutes } from "./tickets.ts";
import { type WebhookDeps, webhookRoutes } from "./webhooks.ts";

export interface ApiDeps extends ProduceDeps, WebhookDeps, MetadataDeps, TicketDeps, EventsDeps {
  readonly origins: OriginRule;
  /** The documents of the contract by file name, such as `openapi.yaml`. */
  readonly contracts: ReadonlyMap<string, Buffer>;
}

/** Creates the request listener of the API. */
export function apiListener(deps: ApiDeps): http.RequestListener {
  const app = apiApp(deps);
  return (req, res) => {
    // The client must open a new connection, which a load balancer routes to another instance.
    if (deps.draining.aborted) res.setHeader("connection", "close");
    try {
      prepareHead(req);
      if (checkOrigin(req, res, deps.origins)) return;
    } catch (error) {
      return sendProblem(req, res, error, deps.report);
    }
    if (isProduce(req)) void handleProduce(req, res, deps);
    else if (isEvents(req)) void handleEvents(req, res, deps);
    else app(req, res);
  };
}

/** Creates the Express application: all routes except those to produce and those of streams of events. */
function apiApp(deps: ApiDeps): express.Express {
  const app = express().disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.enable("case sensitive routing").enable("strict routing").use(apiRoutes.answerOptions);
  for (const [file, content] of deps.contracts)
    app.get(`/${file}`, (_req, res) => void res.type("application/yaml").send(content));
  app.use(webhookRoutes(deps));
  app.use(metadataRoutes(deps));
  app.use(ticketRoutes(deps));
  app.use(apiRoutes.refuse, problemErrors(deps.report));
  return app;
}

/** A request whose headers take longer receives 408. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than load balancers keep idle connections (usually 60 s), so that the load balancer closes them. */
const KEEP_ALIVE_MS = 75_000;

/** A listening server. */
export interface Listening {
  readonly port: number;
  /** Stops accepting connections, and resolves when every request in flight has been answered. */
  close(): Promise<void>;
}

/**
 * Starts a server and resolves when it listens.
 *
 * @param port 0 for any free port
 * @param tls paths of PEM files; undefined for plain HTTP
 * @throws the server's error, such as EADDRINUSE
 */
export async function listen(
  listener: http.RequestListener,
  port: number,
  host: string,
  tls?: { readonly cert: string; readonly key: string },
): Promise<Listening> {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Node's limit would also end long NDJSON requests; `Connections` applies a limit to other requests.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // `prepareHead` checks `Host`, so that the response is a problem document.
    requireHostHeader: false,
  };
  const server = tls
    ? https.createServer({ ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
    : http.createServer(options);
  const connections = new Connections(server, parserProblem({ code: "ERR_HTTP_REQUEST_TIMEOUT" }));
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    connections.track(req.socket, res, () => listener(req, res as never));
  };
  // A client that ends its side of the connection after a complete request still receives the response.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on("request", onRequest).on("checkContinue", onRequest).on("checkExpectation", onRequest);
  server.on("connect", ({ url = "" }: IncomingMessage, socket: net.Socket) => {
    const message = `The method CONNECT is not allowed for ${url.slice(0, 200)}: this is not a proxy.`;
    connections.reject(socket, new OnrampError(40501, message));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: net.Socket) => {
    if (!socket.writable || error.code === "ECONNRESET") socket.destroy();
    else connections.reject(socket, parserProblem(error));
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      connections.close();
      await closed;
    },
  };
}

/** @returns the problem for a request that Node's parser refused */
function parserProblem({ code: reason = "" }: Pick<NodeJS.ErrnoException, "code">): OnrampError {
  const [code, message] = PARSER_PROBLEMS[reason] ?? [40001, "The request is not valid HTTP/1.1."];
  return new OnrampError(code, message);
}

const PARSER_PROBLEMS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: [43101, "The request's headers are larger than 16 KiB."],
  ERR_HTTP_REQUEST_TIMEOUT: [40801, "The request did not arrive in time."],
};
