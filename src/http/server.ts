// The API's server: produce requests straight to their handler, everything else through Express.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type net from "node:net";
import express from "express";
import { type ErrorCode, OnrampError } from "../core/errors.ts";
import { Connections } from "./connections.ts";
import { type MetadataDeps, metadataRoutes } from "./metadata.ts";
import { checkOrigin, type OriginRule } from "./origin.ts";
import { problemErrors, sendProblem } from "./problem.ts";
import { handleProduce, isProduce } from "./produce/produce.ts";
import type { ProduceDeps } from "./produce/produce-deps.ts";
import { type WebhookDeps, webhookRoutes } from "./webhooks.ts";

export interface ApiDeps extends ProduceDeps, WebhookDeps, MetadataDeps {
  readonly origins: OriginRule;
  /** The contract, as it is served. */
  readonly openapi: Buffer;
}

/** What a listener for the API does with a request. */
export function apiListener(deps: ApiDeps): http.RequestListener {
  const app = apiApp(deps);
  return (req, res) => {
    // Clients are asked to come back on another connection.
    if (deps.draining.aborted) res.setHeader("connection", "close");
    try {
      if (checkOrigin(req, res, deps.origins)) return;
    } catch (error) {
      return sendProblem(req, res, error, deps.report);
    }
    if (isProduce(req)) void handleProduce(req, res, deps);
    else app(req, res);
  };
}

/** The Express application: all routes but the hot one. */
function apiApp(deps: ApiDeps): express.Express {
  const app = express().disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.get("/openapi.yaml", (_req, res) => void res.type("application/yaml").send(deps.openapi));
  app.use(webhookRoutes(deps));
  app.use(metadataRoutes(deps));
  app.use((req) => {
    throw new OnrampError(
      40403,
      `There is no ${req.method} ${req.path.slice(0, 200)} here; GET /openapi.yaml lists the routes.`,
    );
  });
  app.use(problemErrors(deps.report));
  return app;
}

/** Clients whose headers take longer are answered 408, in milliseconds. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than load balancers keep idle connections (60 s is usual), so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;

/** A server and its connections. */
export interface Listening {
  readonly port: number;
  /** Stops accepting, and resolves when every request in hand has been answered. */
  close(): Promise<void>;
}

/**
 * Listens.
 *
 * @param tls paths of PEM files; undefined: plain HTTP
 * @throws the listener's error, as EADDRINUSE
 */
export async function listen(
  listener: http.RequestListener,
  port: number,
  host: string,
  tls?: { readonly cert: string; readonly key: string },
): Promise<Listening> {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Node's own limit would end long streams of lines; `Connections` has ours.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requireHostHeader: false,
  };
  const server = tls
    ? https.createServer({ ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
    : http.createServer(options);
  const connections = new Connections(server, brokenRequest({ code: "ERR_HTTP_REQUEST_TIMEOUT" }));
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    connections.track(req.socket, res);
    listener(req, res as never);
  };
  // A client that ends its side after a whole request still gets its answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on("request", onRequest).on("checkContinue", onRequest).on("checkExpectation", onRequest);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: net.Socket) => {
    if (!socket.writable || error.code === "ECONNRESET") socket.destroy();
    else connections.dismiss(socket, brokenRequest(error));
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

/** Requests that Node's own parser refuses get a problem too. */
function brokenRequest({ code: cause = "" }: Pick<NodeJS.ErrnoException, "code">): OnrampError {
  const [code, message] = BROKEN[cause] ?? [40001, "This is not a valid HTTP/1.1 request."];
  return new OnrampError(code, message);
}

const BROKEN: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: [43101, "The request's headers are larger than 16 KiB."],
  ERR_HTTP_REQUEST_TIMEOUT: [40801, "The request did not arrive in time."],
};
